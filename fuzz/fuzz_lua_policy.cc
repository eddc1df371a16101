// Policies: in one that loads, each hook ends within its budget with a verdict. A text that begins
// with octet 1 is not a policy: its octets choose host functions and odd arguments for them.
#include <chrono>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>

#include "dialect/kumo/api.h"
#include "dialect/kumo/layer.h"
#include "dialect/kumo/name_lint.h"
#include "dialect/kumo/rewriter.h"
#include "invariant.h"
#include "policy/inquiry.h"
#include "policy/trace.h"

namespace {

using namespace postern;
using namespace postern::dialect::kumo;
using fuzz::must;
using policy::Stage;
using Clock = std::chrono::steady_clock;

/// A world in which no request gets an answer.
class World final : public script::World {
 public:
  Task<Result<script::HttpAnswer>> http(script::HttpQuestion, script::Clock::time_point) override {
    co_return fail(Fault::temporary, "nobody answers");
  }
  Task<Result<void>> blocking(std::function<void()>) override {
    co_return fail(Fault::temporary, "nobody works");
  }
  void log(std::string_view, std::string_view, std::string_view) override {}
};

class Gatherer final : public policy::Gatherer {
 public:
  Task<void> gather(policy::Need, policy::Evidence& evidence) override {
    evidence.spf.emplace();
    evidence.dkim.emplace();
    evidence.dmarc.emplace();
    evidence.arc.emplace();
    co_return;
  }
  Task<void> ask(dns::Question question, policy::Evidence& evidence) override {
    evidence.dns.push_back({std::move(question), {}});
    co_return;
  }
  std::optional<std::string_view> message() override {
    return "From: a@example.com\r\nTo: b@example.net,\r\n c@example.net\r\nX-Tenant: t\r\n"
           "Subject: =?utf-8?q?x?=\r\n\r\ntext\r\n";
  }
};

void run_to_end(Task<void> task) {
  boost::asio::io_context loop;
  boost::asio::co_spawn(loop, std::move(task), boost::asio::detached);
  loop.run();
}

/// The method names of the host's classes, as a Lua list.
std::string method_names() {
  std::string list;
  for (const script::HostTable& table : all_functions()) {
    for (const script::HostFunction& one : table) {
      const std::size_t at = one.name.find_first_of(":.");
      if (at != std::string_view::npos && !one.name.starts_with("kumo.")) {
        list += "'" + std::string(one.name.substr(at + 1)) + "',";
      }
    }
  }
  return list;
}

/// Lua text that calls every reachable function; `octets` choose functions and arguments.
std::string caller(std::string_view octets) {
  std::string numbers;
  for (const char c : octets.substr(0, 200)) {
    numbers += fmt::format("{},", static_cast<unsigned char>(c));
  }
  return "local octets, at = {" + numbers + "}, 0\nlocal names = {" + method_names() + "}" + R"lua(
local function next_octet() at = at + 1 return octets[at] or 0 end
local functions, seen = {}, {}
local function walk(t)
  if seen[t] then return end
  seen[t] = true
  local keys = {}
  for key, value in pairs(t) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  for _, key in ipairs(keys) do
    local value = rawget(t, key)
    if type(value) == 'function' then functions[#functions + 1] = value
    elseif type(value) == 'table' then walk(value) end
  end
end
for _, name in ipairs { 'kumo', 'sqlite', 'string', 'table', 'utf8', 'coroutine', 'os', 'io', 'math',
    'policy-extras.queue', 'policy-extras.listener_domains', 'policy-extras.mail_auth' } do
  local ok, module = pcall(require, name)
  if ok and type(module) == 'table' then walk(module) end
end
for _, f in ipairs { next, select, rawget, rawset, setmetatable, load, pcall, xpcall, tostring, tonumber } do
  functions[#functions + 1] = f
end
local deep = {}
local inner = deep
for _ = 1, 40 do inner.x = {} inner = inner.x end
local loop = {} loop.loop = loop
local pool = {
  'x', '', 'example.com', '192.0.2.1', '5 minutes', '%d+(', '{"a":[1,{}]}', 'a = 1', '2026-01-01T00:00:00Z',
  ('a'):rep(5000), '\0\255\r\n', 'SELECT 1', ':memory:', 'a@example.com', '../x', 'https://192.0.2.1',
  0, 1, -1, 2^53, -2^63, math.maxinteger, math.mininteger, 0/0, 1/0, 1.5, true, false,
  {}, { 1, 2, 3 }, { 'a', 'b' }, { a = 1 }, { name = 'n', ttl = '1s', capacity = 2 }, { [0] = 1, [1e9] = 2 },
  { key_data = 'k' }, { listen = '127.0.0.1:25' }, { relay_to = true }, { identities = {} },
  { method = 'spf', result = 'pass', props = { ['a.b'] = 'c' } }, deep, loop,
  function() return 1 end, function(...) return ... end, function() error('x') end,
  function() return kumo.dns.lookup_txt('a.example') end, coroutine.create(function() end),
  setmetatable({}, { __index = function() error('i') end, __tostring = function() return 5 end }),
}
local function pick()
  local octet = next_octet()
  if octet == 255 then return nil end
  return pool[octet % #pool + 1]
end
local function play(...)
  for _, value in ipairs { ... } do pool[#pool + 1] = value end
  while at < #octets do
    local f
    local octet = next_octet()
    if octet % 3 == 0 then
      local object, name = pick(), names[next_octet() % #names + 1]
      local ok, method = pcall(function() return object[name] end)
      f = ok and method
      if type(f) == 'function' then
        local inner_f = f
        f = function(...) return inner_f(object, ...) end
      end
    else
      f = functions[(octet * 256 + next_octet()) % #functions + 1]
    end
    if type(f) == 'function' then
      local count = next_octet() % 5
      local a, b, c, d = pick(), pick(), pick(), pick()
      local results
      if count == 0 then results = { pcall(f) }
      elseif count == 1 then results = { pcall(f, a) }
      elseif count == 2 then results = { pcall(f, a, b) }
      elseif count == 3 then results = { pcall(f, a, b, c) }
      else results = { pcall(f, a, b, c, d) } end
      for i = 2, math.min(#results, 4) do
        if #pool < 200 then pool[#pool + 1] = results[i] end
      end
    end
  end
  at = 0
end
for _, event in ipairs { 'smtp_server_connection_accepted', 'smtp_server_ehlo', 'smtp_server_mail_from',
    'get_listener_domain', 'smtp_server_rcpt_to', 'smtp_server_data', 'smtp_server_message_received',
    'smtp_server_auth_plain', 'smtp_server_rewrite_response' } do
  kumo.on(event, function(...) play(...) return pick(), pick() end)
end
kumo.on('init', function() play() end)
play()
)lua";
}

/// The task's result; the task must not throw.
template <class T>
T result_of(Task<T> task) {
  boost::asio::io_context loop;
  std::optional<T> result;
  boost::asio::co_spawn(loop, std::move(task), [&](std::exception_ptr error, T value) {
    must(!error, "what judges throws nothing");
    result = std::move(value);
  });
  loop.run();
  must(result.has_value(), "it ends");
  return std::move(*result);
}

void judge(const std::shared_ptr<const LuaPolicy>& policy) {
  const policy::Engine engine({{std::make_shared<KumoLayer>(policy)}});
  Gatherer gatherer;
  policy::Evidence evidence;
  evidence.session.listener = "smtp";
  evidence.session.client_ip = *IpAddress::parse("192.0.2.9");
  evidence.session.helo = "client.example";
  evidence.session.esmtp = true;
  evidence.reverse_path = mail::Mailbox{"alice", "example.com"};
  evidence.message.emplace();
  for (const char* name : {"b", "c"}) {
    evidence.recipients.push_back({.address = {name, "example.net"}, .route = {}});
  }
  for (const Stage stage :
       {Stage::connect, Stage::helo, Stage::mail, Stage::rcpt, Stage::message}) {
    evidence.consider({.address = {"b", "example.net"}, .route = {}});
    const policy::Decision decision = result_of(engine.decide(stage, evidence, gatherer));
    must(!policy::refused(decision) || (decision.reply.code >= 400 && decision.reply.code < 600),
         "a refusal refuses");
    const std::string wire = policy::refused(decision) ? decision.reply.to_wire() : "\r\n";
    must(wire.ends_with("\r\n"), "a reply is lines");
  }
  std::vector<policy::Step> steps;
  const KumoVerifier verifier(policy);
  const policy::AuthAttempt attempt{
      .mechanism = "PLAIN", .authz_id = "", .authn_id = "scott", .password = Secret("p4ssw0rd!")};
  policy::Tape tape;
  policy::Inquiry inquiry(evidence, gatherer, tape);
  (void)result_of(verifier.verify(attempt, inquiry, steps));
  for (const policy::Step& step : steps) {
    must(step.verdict.detail.find("p4ssw0rd!") == std::string::npos, "no password in a step");
  }
  if (const auto rewriter = rewriter_of(policy)) {
    const smtp::Reply refusal{.code = 550, .enhanced = {5, 7, 1}, .text = "no"};
    const smtp::Reply said = result_of(rewriter->rewrite(refusal, "DATA", inquiry));
    must(said.code >= 500 && said.code < 600, "a refusal stays one");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static World world;
  std::string_view text(reinterpret_cast<const char*>(data), size);
  const script::Limits limits{
      .instructions = 200'000, .memory = 8u << 20, .time = std::chrono::milliseconds(200)};
  LuaPolicyOptions options;
  options.path = "/nonexistent/policy.lua";
  options.text = text.starts_with('\1') ? caller(text.substr(1)) : std::string(text);
  options.limits = options.loading = limits;
  options.run = run_to_end;
  options.files = std::make_shared<const script::Files::Texts>();
  options.listeners["smtp"] = {
      .address = "192.0.2.1:25", .hostname = "mx.example.org", .relay_hosts = {}, .meta = {}};
  const auto began = Clock::now();
  (void)lint_names("policy.lua", options.text, all_functions());
  (void)key_source_events(options.text);
  if (const auto policy = LuaPolicy::load(std::move(options), world)) judge(*policy);
  // Ten calls of 200 ms; sanitizers and busy machines are slow.
  must(Clock::now() - began < std::chrono::seconds(20), "budgets hold");
  return 0;
}
