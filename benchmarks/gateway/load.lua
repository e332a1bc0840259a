-- wrk's requests: a chat completion whose prompt differs every time, of about `bytes` bytes.
-- Arguments after "--": path, model, bytes of prompt, stream (0 or 1), key, further headers ("name: value;name: value").
-- The last line printed is JSON.

local words = {
  "the", "contract", "tenant", "obligation", "list", "every", "clause", "with", "its", "date", "amount", "if", "def",
  "return", "for", "in", "请", "总结", "以下", "合同", "的", "主要", "义务", "预算", "报告", "数据", "分析", "市场", "成本",
}
local path, model, bytes, stream, key, headers
local threads = {}

function setup(thread)
  table.insert(threads, thread)
end

function init(args)
  path, model, bytes, stream, key = args[1], args[2], tonumber(args[3]), args[4] == "1", args[5]
  headers = { ["content-type"] = "application/json", ["authorization"] = "Bearer " .. key }
  for name, value in string.gmatch(args[6] or "", "([^:;]+): ([^;]+)") do headers[name] = value end
  math.randomseed(os.time() + tonumber(tostring({}):sub(8), 16) % 100000)
  bad, example = 0, ""
end

local function prompt()
  local said, length = {}, 0
  while length < bytes do
    local word = words[math.random(#words)] .. math.random(99)
    said[#said + 1] = word
    length = length + #word + 1
  end
  return table.concat(said, " ")
end

function request()
  local body = string.format(
    '{"model":"%s","stream":%s,"max_tokens":4096,"messages":[{"role":"user","content":"%s"}]}',
    model, stream and "true" or "false", prompt()
  )
  return wrk.format("POST", path, headers, body)
end

function response(status, headers, body)
  if status ~= 200 then
    bad = bad + 1
    example = status .. " " .. body:sub(1, 200)
  end
end

function done(summary, latency, requests)
  local bad = 0
  for _, thread in ipairs(threads) do
    bad = bad + thread:get("bad")
    if thread:get("bad") > 0 then io.stderr:write(thread:get("example") .. "\n") end
  end
  io.write(string.format(
    '{"requests":%d,"duration_us":%d,"bad":%d,"errors":%d,"p50_us":%d,"p99_us":%d}\n',
    summary.requests, summary.duration, bad,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99)
  ))
end
