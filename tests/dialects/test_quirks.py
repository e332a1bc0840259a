"""The quirks of real wires that naive gateways get wrong, 76 in all: each is a test, or has a reason for being none.

A test that is named by a quirk (`test_quirk_05_…`), wherever it lives, needs no entry here. One that lives with its dialect under
a name of its own is named in TESTED, and is checked to exist. What does not concern us is in NOT_OURS.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parent.parent
ANTHROPIC_OUT, ANTHROPIC_ANSWER = "anthropic_messages/test_outgoing", "anthropic_messages/test_answer"
GEMINI_BODY, GEMINI_ANSWER = "gemini_generate/test_body", "gemini_generate/test_answer"
BEDROCK = "bedrock_converse/"

QUIRKS = {
    1: "lines of a stream end in CR, LF or CRLF",
    2: "comments and pings are not data",
    3: "usage comes only if asked for, in a chunk without choices",
    4: "the first chunk may have no choices",
    5: "usage may come after the finish reason",
    6: "errors under status 200",
    7: "JSON or a web page in place of a stream",
    8: "a missing end marker, a missing finish",
    9: "pieces of tool calls without index, id, or with a repeated name",
    10: "null for a role or a type",
    11: "Ollama: calls without ids, usage in the last line, a small context",
    12: "a model that repeats itself for ever",
    13: "Bedrock streams binary frames",
    14: "Gemini's STOP in a chunk after the call",
    15: "silent connections are dropped",
    16: "Anthropic: max_tokens is required, and exceeds the thinking budget",
    17: "Anthropic: system and developer are at the top",
    18: "Anthropic: tool results are blocks of a user turn",
    19: "Anthropic: one result for each call",
    20: "Anthropic: results come first in their turn",
    21: "Anthropic: ids and names have a pattern",
    22: "Anthropic: empty text, white space at the end",
    23: "Anthropic: the user begins, roles alternate",
    24: "Anthropic: tool choice",
    25: "Anthropic: thinking against forced calls and sampling",
    26: "Anthropic: input excludes the cache",
    27: "Anthropic: usage is cumulative",
    28: "Anthropic: cache writes have two prices",
    29: "Anthropic: blocks interleave, empty arguments",
    30: "Anthropic: signatures are replayed, and only there",
    31: "Anthropic: stop reasons",
    32: "Anthropic: 529",
    33: "Anthropic: versions and betas",
    34: "Anthropic on Bedrock and Vertex",
    35: "Gemini: roles and the instruction",
    36: "Gemini: calls without ids, results by name",
    37: "Gemini: thought signatures that a client cannot echo",
    38: "Gemini: signatures on any part",
    39: "Gemini: thoughts outside the candidates' count",
    40: "Gemini: no count of the cache is no zero",
    41: "Gemini: safety stops and the many finish reasons",
    42: "Gemini: a subset of JSON Schema",
    43: "Gemini: the global location has a host of its own",
    44: "Gemini: required is ANY",
    45: "DeepSeek: reasoning must come back",
    46: "DeepSeek: cache counts at the top",
    47: "DeepSeek: functions only",
    48: "Kimi: temperature, tool choice, text as a string, reasoning back",
    49: "GLM: path, JSON, finish reasons that are failures",
    50: "Qwen: regions, enable_thinking, thinking in streams only",
    51: "vLLM: reasoning under two names, strict tools refused",
    52: "think tags inside the content",
    53: "Fireworks: cached tokens in a header",
    54: "Together: caches and does not count it",
    55: "xAI: reasoning outside the completion",
    56: "JSON mode needs the word",
    57: "Groq: service tiers of its own",
    58: "TGI: mangled names, no results of tools",
    59: "developer is unknown to most",
    60: "max_tokens or max_completion_tokens",
    61: "addresses pasted with the call",
    62: "Azure: annotations, required refused by old versions",
    63: "Bedrock Converse's many rules",
    64: "Responses: sealed reasoning of stateless use",
    65: "prices by length, tier, batch, modality",
    66: "OpenRouter: 402 and its own bill",
    67: "the answer's model is a claim",
    68: "leaving a provider loses its cache",
    69: "error bodies of every shape",
    70: "when to retry, in every spelling",
    71: "status alone misleads",
    72: "a request that may have been billed is not sent again blindly",
    73: "stale headers of a decoded body",
    74: "HTTP/2's limit of streams",
    75: "idle connections that were dropped",
    76: "a client that leaves",
}

TESTED: dict[int, tuple[str, ...]] = {
    1: ("dialects/test_sse.py::test_every_line_end_counts",),
    11: (
        "dialects/ollama_chat/test_answer.py::test_calls_without_ids_are_numbered_through_the_conversation",
        "dialects/ollama_chat/test_context.py::test_there_is_room_for_the_prompt_and_the_answer",
        "dialects/ollama_chat/test_answer.py::test_a_stream_says_thinking_text_and_calls",
    ),
    13: (f"dialects/{BEDROCK}test_eventstream.py::test_any_split_of_the_bytes_gives_the_same_frames",),
    14: (f"dialects/{GEMINI_ANSWER}.py::test_stop_in_a_chunk_after_the_call_is_still_a_tool_call",),
    15: (
        "exchange/test_keep_alive.py::test_after_a_sign_of_life_the_next_candidate_still_answers",
        "dialects/gemini_generate/test_googles_client.py::test_signs_of_life_are_nothing_to_the_client",
    ),
    16: (
        f"dialects/{ANTHROPIC_OUT}.py::test_a_limit_is_always_sent_and_one_that_nobody_knows_is_refused",
        f"dialects/{ANTHROPIC_OUT}.py::test_the_limit_exceeds_the_thinking_budget",
    ),
    17: (f"dialects/{ANTHROPIC_OUT}.py::test_system_and_developer_are_hoisted_in_their_order",),
    18: (f"dialects/{ANTHROPIC_OUT}.py::test_tool_results_are_merged_into_one_user_turn_before_its_text",),
    19: (
        f"dialects/{ANTHROPIC_OUT}.py::test_of_two_results_of_one_call_the_last_counts",
        f"dialects/{ANTHROPIC_OUT}.py::test_a_result_without_its_call_is_refused_by_name",
        f"dialects/{ANTHROPIC_OUT}.py::test_a_call_without_its_result_is_refused_by_name",
    ),
    20: (
        f"dialects/{ANTHROPIC_OUT}.py::test_tool_results_are_merged_into_one_user_turn_before_its_text",
        "dialects/anthropic_messages/test_request.py::test_tool_results_become_messages_of_their_own_before_the_users_text",
    ),
    21: (f"dialects/{ANTHROPIC_OUT}.py::test_call_ids_and_tool_names_are_made_to_fit_and_found_again",),
    22: (
        f"dialects/{ANTHROPIC_OUT}.py::"
        "test_empty_text_is_left_out_and_the_last_assistant_turn_does_not_end_in_white_space",
    ),
    23: (
        f"dialects/{ANTHROPIC_OUT}.py::test_neighbours_of_one_role_are_merged_and_nothing_is_invented",
        f"dialects/{ANTHROPIC_OUT}.py::test_instructions_alone_are_the_users_turn",
    ),
    24: (f"dialects/{ANTHROPIC_OUT}.py::test_tool_choice_is_said_in_its_words",),
    25: (f"dialects/{ANTHROPIC_OUT}.py::test_thinking_gives_way_to_a_forced_call_and_takes_sampling_away",),
    26: (
        f"dialects/{ANTHROPIC_ANSWER}.py::test_input_leaves_out_the_cache_and_writes_have_two_prices",
        "dialects/anthropic_messages/test_render.py::test_usage_is_said_as_the_dialect_counts",
    ),
    27: (f"dialects/{ANTHROPIC_ANSWER}.py::test_usage_is_cumulative_and_overwrites_without_adding",),
    28: (f"dialects/{ANTHROPIC_ANSWER}.py::test_input_leaves_out_the_cache_and_writes_have_two_prices",),
    29: (
        f"dialects/{ANTHROPIC_ANSWER}.py::test_blocks_that_interleave_are_told_apart_by_their_index",
        f"dialects/{ANTHROPIC_ANSWER}.py::test_a_call_without_arguments_has_an_empty_object",
    ),
    30: (
        f"dialects/{ANTHROPIC_OUT}.py::test_thinking_is_replayed_unchanged_before_its_call_and_only_to_whom_sealed_it",
        f"dialects/{ANTHROPIC_OUT}.py::test_marks_of_ours_are_taken_out_for_a_provider_of_the_dialect",
    ),
    31: (f"dialects/{ANTHROPIC_ANSWER}.py::test_stop_reasons_are_understood",),
    32: (f"dialects/{ANTHROPIC_ANSWER}.py::test_an_error_in_the_middle_is_a_failure_as_the_status_it_would_have_had",),
    33: (
        "dialects/anthropic_messages/test_request.py::test_both_versions_are_spoken_and_the_header_is_kept_without_the_key",
        f"dialects/{ANTHROPIC_OUT}.py::test_on_vertex_a_clients_own_version_goes_into_the_body_and_its_betas_stay",
    ),
    35: (
        f"dialects/{GEMINI_BODY}.py::test_the_assistant_is_the_model_and_its_refusal_is_text",
        f"dialects/{GEMINI_BODY}.py::test_system_and_developer_messages_become_the_instruction",
    ),
    36: (
        "dialects/gemini_generate/test_request.py::test_calls_without_ids_are_matched_to_their_results_by_name_and_order",
        f"dialects/{GEMINI_BODY}.py::test_results_are_one_turn_named_by_their_calls_and_in_their_order",
    ),
    37: (
        f"dialects/{GEMINI_BODY}.py::test_the_first_call_without_a_signature_gets_googles_stand_in_from_generation_3_on",
        f"dialects/{GEMINI_BODY}.py::test_signatures_are_replayed_where_they_were",
    ),
    38: (f"dialects/{GEMINI_ANSWER}.py::test_a_signature_on_any_part_is_kept_with_it",),
    39: ("dialects/gemini_generate/test_usage.py::test_thoughts_are_outside_the_candidates_count",),
    40: (
        "dialects/gemini_generate/test_usage.py::"
        "test_cached_content_is_inside_the_prompt_count_and_absent_is_nothing_known",
    ),
    41: (
        f"dialects/{GEMINI_ANSWER}.py::test_a_safety_stop_without_content_is_a_finished_answer",
        f"dialects/{GEMINI_ANSWER}.py::test_a_refused_prompt_has_no_candidates_and_is_a_finished_answer",
        "dialects/gemini_generate/test_usage.py::test_every_finish_reason_has_its_meaning",
    ),
    42: (
        "dialects/gemini_generate/test_schema.py::test_json_schema_is_narrowed_to_what_the_api_says",
        "dialects/gemini_generate/test_schema.py::test_references_are_put_in_place_with_what_stands_beside_them",
    ),
    43: (f"dialects/{GEMINI_BODY}.py::test_gemini_api_and_vertex_differ_in_the_address_only",),
    44: (f"dialects/{GEMINI_BODY}.py::test_tool_choice_becomes_a_mode",),
    63: (
        f"dialects/{BEDROCK}test_outgoing.py::test_model_ids_and_arns_are_percent_encoded_in_the_address",
        f"dialects/{BEDROCK}test_outgoing.py::test_settings_that_converse_has_not_are_left_out_and_more_than_one_choice_is_refused",
        f"dialects/{BEDROCK}test_turns.py::test_results_of_parallel_calls_are_first_in_one_user_turn",
        f"dialects/{BEDROCK}test_turns.py::test_instructions_are_hoisted_and_blank_text_is_left_out",
        f"dialects/{BEDROCK}test_turns.py::test_a_cache_marker_is_a_block_of_its_own_behind_what_it_marks",
        f"dialects/{BEDROCK}test_answer.py::test_a_200_without_output_is_a_failure",
        f"dialects/{BEDROCK}test_answer.py::test_the_model_that_was_asked_is_said_because_the_answer_names_none",
        f"dialects/{BEDROCK}test_failure.py::test_the_header_says_what_went_wrong",
        f"dialects/{BEDROCK}test_usage.py::test_input_leaves_out_what_the_cache_gave_and_took",
    ),
    65: ("catalog/test_pricing.py::test_a_request_beyond_the_cliff_is_billed_whole_at_its_tier",),
    70: ("dialects/test_retry_after.py::test_headers_that_say_it_outright",),
    71: ("dialects/test_failure.py::test_every_vendors_words_are_understood",),
    72: (
        "exchange/test_attempt.py::test_what_the_provider_may_have_worked_on_in_vain_costs_nobody_knows_what",
        "upstream/test_connection.py::test_a_request_is_not_sent_again_after_one_byte_of_an_answer",
    ),
    73: (
        "upstream/test_response.py::test_a_decoded_head_no_longer_describes_the_coded_body",
        "upstream/test_coding.py::test_gzip_decodes_to_what_was_coded_however_it_is_split",
    ),
    75: (
        "upstream/test_pool.py::test_a_connection_past_its_age_is_not_kept",
        "upstream/test_connection.py::test_a_stale_connection_is_replaced_once",
        "upstream/test_limits.py::test_connections_are_given_up_before_the_usual_load_balancer_does",
    ),
    76: (
        "exchange/test_course.py::test_a_client_that_leaves_frees_the_provider_and_is_written_down",
        "exchange/test_attempt.py::test_what_a_client_took_before_it_left_is_billed_as_we_count_it",
    ),
}

NOT_OURS = {
    54: "Together says nothing of its cache: what it read from there is billed as plain input, as far as anyone can know",
    58: "a TGI server's tools are what its operator declares: a deployment without `tools` among its capabilities gets none",
    68: "a matter of routing, not of the wire: a conversation's cost of leaving is not yet reckoned with",
    74: "we speak HTTP/1.1 to providers, one exchange a connection",
}


@cache
def named_by_a_quirk() -> dict[int, list[str]]:
    """Tests anywhere that carry a quirk's number in their name."""
    found: defaultdict[int, list[str]] = defaultdict(list)
    for file in sorted(TESTS.rglob("test_*.py")):
        for name, number in re.findall(
            r"^(?:async )?def (test_quirk_(\d\d)_\w+)", file.read_text("utf-8"), re.MULTILINE
        ):
            found[int(number)].append(f"{file.relative_to(TESTS).as_posix()}::{name}")
    return dict(found)


def test_every_quirk_is_tested_or_has_a_reason_for_being_none() -> None:
    assert sorted(QUIRKS) == list(range(1, 77))
    tested = named_by_a_quirk().keys() | TESTED.keys()
    assert tested | NOT_OURS.keys() == QUIRKS.keys(), sorted(QUIRKS.keys() - tested - NOT_OURS.keys())
    assert not tested & NOT_OURS.keys()
    print(f"\n{len(tested)} of {len(QUIRKS)} quirks tested")
    for number, reason in NOT_OURS.items():
        print(f"  not {number}, {QUIRKS[number]}: {reason}")


def test_every_test_that_is_named_exists() -> None:
    for number, names in TESTED.items():
        for place in names:
            file, _, name = place.partition("::")
            text = (TESTS / file).read_text("utf-8")
            assert re.search(rf"^(?:async )?def {name}\(", text, re.MULTILINE), f"quirk {number}: {place}"
