#include "dialect/kumo/auth_results.h"

#include <algorithm>

#include "base/text.h"
#include "dialect/kumo/address_text.h"
#include "dialect/kumo/lib_dns.h"
#include "dialect/kumo/message.h"
#include "mailauth/ar/strip.h"
#include "mailauth/ar/write.h"
#include "mailauth/spf/check_host.h"
#include "policy/answers.h"
#include "policy/authentication.h"
#include "policy/inquiry.h"
#include "policy/questions/authenticated.h"
#include "policy/results_field.h"

namespace postern::dialect::kumo {

namespace {

namespace ar = mailauth::ar;
namespace spf = mailauth::spf;
using policy::Need;
using script::bind;
using script::Call;
using script::demand;
/// The name of a resolver. Postern has one resolver; the parameter is accepted and ignored.
using Resolver = std::optional<std::string>;
using Self = std::shared_ptr<Message>;

/// The most DKIM signatures whose results a script gets.
constexpr std::size_t most_signatures = 10;
/// The most results in a field that a script writes.
constexpr std::size_t most_results = 100;

/// A result as an AuthenticationResult table.
json::value result_table(const ar::MethodResult& result) {
  json::object props;
  for (const ar::Property& one : result.properties) {
    props[one.ptype + "." + one.property] = one.value;
  }
  json::object table{{"method", result.method},
                     {"method_version", std::int64_t{result.version}},
                     {"result", result.result},
                     {"props", props}};
  if (result.reason) table["reason"] = *result.reason;
  return table;
}

/// A Keyword (RFC 8601 §2.2, RFC 5321 §4.1.2) in lower case. Underscores are allowed, because large
/// senders use them.
std::string keyword(std::string_view text) {
  const auto fits = [](unsigned char c) { return is_alnum(c) || c == '-' || c == '_'; };
  demand(!text.empty() && text.size() <= 60 && std::all_of(text.begin(), text.end(), fits),
         "'" + printable(text, 100) + "' cannot be a name in Authentication-Results");
  return lower(text);
}

std::string text_member(const json::object& table, std::string_view name) {
  const json::value* found = table.if_contains(name);
  demand(found != nullptr && found->is_string(),
         "an AuthenticationResult needs a string `" + std::string(name) + "`");
  return std::string(found->get_string());
}

ar::MethodResult result_of(const json::value& value) {
  const json::object* table = value.if_object();
  demand(table != nullptr, "a list of AuthenticationResult is expected");
  ar::MethodResult result{.method = keyword(text_member(*table, "method")),
                          .result = keyword(text_member(*table, "result"))};
  const json::value* version = table->if_contains("method_version");
  if (version != nullptr && version->is_int64() && version->get_int64() > 0 &&
      version->get_int64() < 1000) {
    result.version = static_cast<std::uint32_t>(version->get_int64());
  }
  if (table->contains("reason")) result.reason = text_member(*table, "reason");
  const json::value* props = table->if_contains("props");
  if (props == nullptr) return result;
  demand(props->is_object(), "`props` of an AuthenticationResult must be a table");
  for (const auto& [name, property] : props->get_object()) {
    const std::size_t dot = name.find('.');
    demand(dot != json::string_view::npos && property.is_string(),
           "`props` of an AuthenticationResult: names like 'smtp.mailfrom', values that are "
           "strings");
    result.properties.push_back({keyword(name.substr(0, dot)), keyword(name.substr(dot + 1)),
                                 std::string(property.get_string())});
  }
  return result;
}

/// A table `{ disposition, result }`. `sender`: the address that SPF judged, empty for a HELO name;
/// KumoMTA's property is the whole address, where the gateway's own field has its domain (RFC 8601
/// §2.7.2 allows both).
json::value with_disposition(ar::MethodResult result, std::string_view sender) {
  for (ar::Property& one : result.properties) {
    if (one.ptype == "smtp" && one.property == "mailfrom" && !sender.empty()) one.value = sender;
  }
  return json::object{{"disposition", result.result}, {"result", result_table(result)}};
}

/// Collects the evidence that is still missing.
Task<void> gather(Context& hook, Need needs) {
  const Need lacking = policy::missing(needs, hook.evidence);
  if (lacking != Need::none) co_await hook.inquiry.gather(lacking);
  demand(policy::missing(needs, hook.evidence) == Need::none, "the verdict could not be found out");
}

Task<json::value> dkim_verify(Call& call, Self, Resolver) {
  Context& hook = hook_of(call);
  draft_of(call);
  co_await gather(hook, Need::dkim);
  json::array list;
  for (const auto& one : policy::dkim_results(*hook.evidence.dkim, most_signatures)) {
    list.push_back(result_table(one));
  }
  co_return list;
}

Task<json::value> arc_verify(Call& call, Self, Resolver) {
  Context& hook = hook_of(call);
  draft_of(call);
  co_await gather(hook, Need::arc);
  co_return result_table(policy::arc_result(*hook.evidence.arc, hook.evidence.session.client_ip));
}

Task<json::value> dmarc_verify(Call& call, Self) {
  Context& hook = hook_of(call);
  draft_of(call);
  co_await gather(hook, Need::dmarc);
  co_return result_table(policy::dmarc_result(*hook.evidence.dmarc));
}

/// The SPF result of the envelope, which all checks of the message share.
Task<json::value> spf_of_envelope(Context& hook) {
  co_await gather(hook, Need::spf);
  const auto& path = hook.evidence.reverse_path;
  co_return with_disposition(
      policy::spf_result(*hook.evidence.spf, policy::spf_by_helo(hook.evidence)),
      path ? path->text() : std::string());
}

Task<json::value> check_msg(Call& call, Self, Resolver) {
  draft_of(call);
  json::value answer = co_await spf_of_envelope(hook_of(call));
  co_return answer;
}

/// Whether an SPF check of these arguments is the check of the envelope.
bool is_of_envelope(const policy::Evidence& evidence, std::string_view domain,
                    const std::optional<std::string>& sender) {
  const auto& path = evidence.reverse_path;
  if (!sender || sender->empty()) {
    // RFC 7208 §2.4: for the null reverse-path, the sender is postmaster@HELO.
    return !path && iequals(domain, evidence.session.helo);
  }
  return path && *sender == path->text() && iequals(domain, path->domain);
}

Task<json::value> check_host(Call& call, std::string domain, std::shared_ptr<ConnMeta>,
                             std::optional<std::string> sender, Resolver) {
  Context& hook = hook_of(call);
  const policy::Evidence& evidence = hook.evidence;
  if (is_of_envelope(evidence, domain, sender)) {
    json::value answer = co_await spf_of_envelope(hook);
    co_return answer;
  }
  const bool by_helo = !sender || sender->empty();
  std::string from;
  if (!by_helo) {
    // `domain` is checked; the sender's local part only expands %{l} (RFC 7208 §7.2).
    from = sender->substr(0, sender->rfind('@')) + "@" + domain;
  }
  auto check = spf::check_host(
      {.client = evidence.session.client_ip,
       .helo = by_helo ? domain : evidence.session.helo,
       .mail_from = std::move(from)},
      {.want_explanation = false,  // never shown (RFC 7208 §11.5)
       .receiver = hook.listener != nullptr ? hook.listener->hostname : std::string(),
       .now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now())});
  while (const mailauth::Question* question = check.next()) {
    const mailauth::Question asked = *question;
    const dns::Answer answer =
        co_await ask_dns(call, asked.name, static_cast<dns::Type>(asked.type));
    check.feed(policy::to_mailauth(answer));
  }
  co_return with_disposition(policy::spf_result(check.result(), by_helo),
                             sender.value_or(std::string()));
}

/// The address in `ip`, which may have a port; without `ip`, the client's address.
IpAddress address_or_client(const policy::Evidence& evidence,
                            const std::optional<std::string>& ip) {
  if (!ip) return evidence.session.client_ip;
  const auto address = address_in(*ip);
  demand(address.has_value(), "`" + printable(*ip, 128) + "` is no IP address");
  return *address;
}

/// RFC 8601 §2.7.3: passes if a name of the address resolves to the address.
Task<json::value> iprev(Call& call, std::optional<std::string> ip, Resolver) {
  const policy::Evidence& evidence = hook_of(call).evidence;
  const IpAddress address = address_or_client(evidence, ip);
  using Status = policy::ClientName::Status;
  Status status = Status::waiting;
  for (int questions = 0; status == Status::waiting && questions < 100; ++questions) {
    policy::Answers answers(evidence);
    status = policy::client_name(address, answers).status;
    if (status != Status::waiting) break;
    const dns::Question wanted = *answers.wanted();
    co_await ask_dns(call, wanted.name, wanted.type);
  }
  ar::MethodResult result{.method = "iprev", .result = "temperror"};
  if (status == Status::verified) {
    result.result = "pass";
  } else if (status == Status::unverified) {
    result.result = "fail";
    result.reason = "no name of the address has the address";
  } else if (status == Status::none) {
    result.result = "permerror";
    result.reason = "the address has no name";
  } else {
    result.reason = "DNS did not answer";
  }
  const std::string text = address.to_string();
  result.properties.push_back({"policy", "iprev", text});
  // Policies written for KumoMTA read this property.
  result.properties.push_back({"smtp", "remote-ip", text});
  co_return result_table(result);
}

json::value smtp_auth(Call& call) {
  return result_table(
      policy::auth_result(policy::questions::authenticated(hook_of(call).evidence).login));
}

void add_authentication_results(Call& call, Self, std::string server_id, json::value results) {
  MessageDraft& draft = draft_with_header(call);
  demand(!trim(server_id).empty() && server_id.size() <= 255, "server_id: a host name is expected");
  ar::AuthenticationResults field{.authserv_id = server_id};
  // An empty table is written as "none". A single result is accepted in place of a list.
  const json::object* object = results.if_object();
  const bool single = object != nullptr && !object->empty();
  demand(results.is_array() || object != nullptr, "a list of AuthenticationResult is expected");
  const json::array list = results.is_array() ? results.get_array() : json::array{};
  demand(list.size() <= most_results, "too many results for one field");
  if (single) field.results.push_back(result_of(results));
  for (const json::value& one : list) field.results.push_back(result_of(one));
  // RFC 8601 §5: removes fields with this authserv-id that came with the message.
  const ar::OwnIds own({server_id});
  std::erase_if(draft.header, [&](const MessageDraft::Field& one) {
    return iequals(one.name, "Authentication-Results") &&
           std::find(draft.results_of.begin(), draft.results_of.end(), server_id) ==
               draft.results_of.end() &&
           ar::must_remove(std::string_view(one.text).substr(one.text.find(':') + 1), own);
  });
  draft.header.insert(draft.header.begin(), {"Authentication-Results", ar::write_field(field)});
  draft.header_changed = true;
  draft.results_of.push_back(std::move(server_id));
}

constexpr script::HostFunction auth_results_rows[] = {
    {"Message:dkim_verify", "resolver?: string", "AuthenticationResult[]",
     "The results of the DKIM signatures of the message as received, at most ten; an empty list "
     "without a signature. Like all verdicts here they are evaluated once for a message.",
     bind<&dkim_verify>},
    {"Message:arc_verify", "resolver?: string", "AuthenticationResult",
     "The result of the ARC chain of the message as received.", bind<&arc_verify>},
    {"Message:add_authentication_results", "server_id: string, results: AuthenticationResult[]", "",
     "Adds an Authentication-Results field at the top and removes received ones of that name. "
     "Under the gateway's own name it replaces the gateway's field.",
     bind<&add_authentication_results>},
    {"kumo.spf.check_host",
     "domain: string, conn_meta: ConnMeta, sender?: string, resolver?: string", "SpfAnswer",
     "Whether the client may use the domain (SPF): as the sender's domain, or without a sender as "
     "its HELO name.",
     bind<&check_host>},
    {"kumo.spf.check_msg", "message: Message, resolver?: string", "SpfAnswer",
     "The result of SPF for the message's envelope.", bind<&check_msg>},
    {"kumo.postern.dmarc_verify", "message: Message", "AuthenticationResult",
     "The result of DMARC for the message as received.", bind<&dmarc_verify>},
    {"kumo.postern.iprev", "ip?: string, resolver?: string", "AuthenticationResult",
     "Whether a name of the address, else of the client's address, resolves to it (RFC 8601).",
     bind<&iprev>},
    {"kumo.postern.smtp_auth", "", "AuthenticationResult",
     "Whether the client authenticated. A tenant's login, which only opens webhooks, does not "
     "count.",
     bind<&smtp_auth>},
};

constexpr std::string_view mail_auth_module = R"lua(
local kumo = require 'kumo'
local module = {}

function module.iprev(ip, resolver)
  return kumo.postern.iprev(ip, resolver)
end

function module.iprev_msg(msg, resolver)
  return module.iprev(msg:get_meta 'received_from', resolver)
end

local function dkim(msg, resolver)
  local results = msg:dkim_verify(resolver)
  if #results == 0 then
    results[1] = { method = 'dkim', method_version = 1, result = 'none', reason = 'not signed', props = {} }
  end
  return results
end

local function smtp_auth(msg)
  local result = kumo.postern.smtp_auth()
  local sender = msg:sender().email
  if sender ~= '' then
    result.props['smtp.mailfrom'] = sender
  end
  return result
end

local checks = {
  { 'dkim', dkim },
  { 'spf', function(msg, resolver) return kumo.spf.check_msg(msg, resolver).result end },
  { 'iprev', module.iprev_msg },
  { 'smtp_auth', smtp_auth },
  { 'dmarc', function(msg) return kumo.postern.dmarc_verify(msg) end },
  { 'arc', function(msg, resolver) return msg:arc_verify(resolver) end },
}
local known = { add_auth_results_header = 'boolean', resolver = 'string', server_id = 'string' }
for _, check in ipairs(checks) do
  known[check[1]] = 'boolean'
end

function module.check(msg, options)
  options = options or {}
  for name, value in pairs(options) do
    if known[name] ~= type(value) then
      local wanted = known[name] and ' must be a ' .. known[name] or ' is no option of mail_auth.check'
      error('`' .. tostring(name) .. '`' .. wanted, 2)
    end
  end
  local result = { auth_results = {} }
  for _, check in ipairs(checks) do
    local name, ask = check[1], check[2]
    if options[name] ~= false then
      local answer = ask(msg, options.resolver)
      result[name] = answer
      for _, one in ipairs(name == 'dkim' and answer or { answer }) do
        table.insert(result.auth_results, one)
      end
    end
  end
  if options.add_auth_results_header ~= false then
    local server_id = options.server_id or msg:get_meta 'hostname' or 'localhost'
    msg:add_authentication_results(server_id, result.auth_results)
  end
  return result
end

return module
)lua";

}  // namespace

script::HostTable auth_results_functions() { return auth_results_rows; }
std::string_view mail_auth_module_text() { return mail_auth_module; }

}  // namespace postern::dialect::kumo
