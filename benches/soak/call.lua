-- What each connection of wrk sends, and what it gets: there are as many threads as connections, so that each has this script to itself.
--
-- wrk ... -s call.lua URL -- PICTURE CONNECTIONS RATE LOG      (a rate of 0: the next call as soon as the last is answered)
--
-- Into the file LOG each writes a line for each answer: status, seconds, and Retry-After.

local ffi = require("ffi")
ffi.cdef([[
typedef struct { long seconds; long nanoseconds; } moment;
int clock_gettime(int clock, moment *now);
]])
local MONOTONIC, moment = 1, ffi.new("moment")
local threads = {}

local function now()
  ffi.C.clock_gettime(MONOTONIC, moment)
  return tonumber(moment.seconds) + tonumber(moment.nanoseconds) / 1e9
end

function setup(thread)
  thread:set("number", #threads)
  table.insert(threads, thread)
end

function init(args)
  local file = assert(io.open(args[1], "rb"))
  call = wrk.format("POST", nil, { ["content-type"] = "image/jpeg" }, file:read("*a"))
  file:close()
  log = assert(io.open(args[4], "a"))
  sent = 0
  local connections, rate = tonumber(args[2]), tonumber(args[3])
  interval = rate > 0 and connections / rate or 0
  -- The connections take turns from the beginning.
  due = now() + interval * (number / connections - 1)
end

-- Milliseconds until the next call. Those that were due while the last one waited for its answer are made up for.
function delay()
  due = due + interval
  return interval > 0 and math.max(0, (due - now()) * 1e3) or 0
end

function request()
  began = now()
  sent = sent + 1
  return call
end

function response(status, headers)
  -- A line at a time, so that those of all connections fit into one file.
  log:write(string.format("%d\t%.6f\t%s\n", status, now() - began, headers["retry-after"] or ""))
  log:flush()
end

function done(summary)
  print("seconds", summary.duration / 1e6)
  local calls = 0
  for _, thread in ipairs(threads) do
    calls = calls + thread:get("sent")
  end
  print("sent", calls)
  for _, reason in ipairs({ "connect", "read", "write", "timeout" }) do
    print("lost", reason, summary.errors[reason])
  end
end
