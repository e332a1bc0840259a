"""Options that take several values in a row, as a shell writes out `--train outcomes/*.parquet`."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import click


class SeveralValues(click.Command):
    """A command without arguments, whose options that may be given several times take several values at once, too."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, with the option's name before every value."""
        names = {name for one in self.params if isinstance(one, click.Option) and one.multiple for name in one.opts}
        return super().parse_args(ctx, list(_one_by_one(args, names)))


def _one_by_one(words: Sequence[str], names: Collection[str]) -> Iterator[str]:
    """`--train a b` as `--train a --train b`."""
    option, has_value = "", False
    for word in words:
        if word.startswith("-"):
            option, has_value = word.partition("=")[0], "=" in word
        else:
            if has_value and option in names:
                yield option
            has_value = True
        yield word
