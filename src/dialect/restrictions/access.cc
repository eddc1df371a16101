// Access tables: which keys are tried in which order, and what a value means ("Access tables" in
// docs/restriction-lists.md).
#include <fmt/format.h>

#include "base/text.h"
#include "dialect/restrictions/compile_list.h"
#include "dialect/restrictions/context.h"
#include "dialect/restrictions/name_keys.h"
#include "dialect/restrictions/rbl_reply.h"
#include "dialect/restrictions/remarks.h"
#include "mail/local_part.h"

namespace postern::dialect::restrictions {

namespace {

bool all_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Action with_text(Action::Kind kind, std::uint16_t code, std::string_view text,
                 std::string_view preset) {
  Action action{.kind = kind, .code = code};
  action.enhanced = smtp::take_enhanced(text);
  action.text = text.empty() ? std::string(preset) : printable(text, 400);
  return action;
}

/// A table's code about an address (RFC 3463 §3.2, X.1.x) becomes the one for what is judged.
smtp::EnhancedCode adjusted(smtp::EnhancedCode code, Subject subject) {
  if (code.subject != 1) return code;
  const auto n = code.detail;
  if (subject == Subject::sender) {
    if (n == 1 || n == 3 || n == 4 || n == 6 || n == 7) return {code.klass, 1, 7};
    return n == 2 || n == 8 ? smtp::EnhancedCode{code.klass, 1, 8}
                            : smtp::EnhancedCode{code.klass, 1, 0};
  }
  if (subject == Subject::recipient) {
    if (n == 7) return {code.klass, 1, 3};
    if (n == 8) return {code.klass, 1, 2};
    return n >= 1 && n <= 6 ? code : smtp::EnhancedCode{code.klass, 1, 0};
  }
  return {code.klass, 0, 0};
}

/// Applies the result of a look-up. nullopt: the table does not have the key.
std::optional<RuleOutcome> take_result(Context& context, const Rule& rule, Subject subject,
                                       const Found& found) {
  if (found.status == Found::Status::absent) return std::nullopt;
  if (found.status == Found::Status::waiting) return RuleOutcome::wait;
  if (found.status == Found::Status::failed) {
    // A table within another one names itself, and not the one that has it.
    const std::string name = printable(rule.table->name(), 200);
    return context.table_trouble(
        rule, found.trouble.starts_with(name) ? found.trouble : name + ": " + found.trouble);
  }
  if (rule.actions) {
    const auto known = rule.actions->find(found.value);
    if (known != rule.actions->end()) return apply(context, rule, subject, known->second);
  }
  return apply(context, rule, subject, parse_action(found.value, context.policy()));
}

std::optional<RuleOutcome> try_key(Context& context, const Rule& rule, Subject subject,
                                   std::string_view key) {
  const Found found = rule.table->find(key, &context.replies());
  if (found.status == Found::Status::absent) return std::nullopt;
  if (found.status == Found::Status::found) context.found(key);
  return take_result(context, rule, subject, found);
}

/// Tries a name, which is in lower case, then its parent domains.
std::optional<RuleOutcome> try_names(Context& context, const Rule& rule, Subject subject,
                                     std::string_view name) {
  return try_keys_of_name(context.policy(), *rule.table, name, [&](std::string_view key) {
    return try_key(context, rule, subject, key);
  });
}

/// Tries an address, then its networks: the text without its last parts.
std::optional<RuleOutcome> try_host_address(Context& context, const Rule& rule, Subject subject,
                                            const IpAddress& address) {
  if (rule.table->is_network()) {
    const Found found = rule.table->lookup_address(address);
    if (found.status == Found::Status::found) context.found(address.to_string());
    return take_result(context, rule, subject, found);
  }
  std::string text = address.to_string();
  const char separator = address.is_v4() ? '.' : ':';
  for (;;) {
    if (auto outcome = try_key(context, rule, subject, text)) return outcome;
    const std::size_t cut = text.rfind(separator);
    if (rule.table->is_pattern() || cut == std::string::npos) {
      return std::nullopt;
    }
    text.resize(cut);
  }
}

constexpr const char* nothing_found = "no key of it is in the table";

}  // namespace

Action parse_action(std::string_view value, const ListPolicy& policy) {
  using Kind = Action::Kind;
  value = trim(value);
  if (all_digits(value)) return {.kind = Kind::permit, .text = "OK"};
  const std::size_t end = std::min(value.find_first_of(" \t"), value.size());
  const std::string word = upper(value.substr(0, end));
  const std::string_view rest = trim(value.substr(end));
  if (word == "OK" || word == "RELAY") return {.kind = Kind::permit, .text = word};
  if (word == "DUNNO") return {.kind = Kind::pass, .text = word};
  if (word == "REJECT") {
    return with_text(Kind::refuse, policy.access_reject_code, rest, "Access denied");
  }
  if (word == "DEFER") {
    return with_text(Kind::refuse, policy.access_defer_code, rest, "Access denied");
  }
  if (word == "DEFER_IF_PERMIT") {
    return with_text(Kind::defer_if_permit, policy.access_defer_code, rest, "Service unavailable");
  }
  if (word == "DEFER_IF_REJECT") {
    return with_text(Kind::defer_if_reject, policy.access_defer_code, rest, "Service unavailable");
  }
  if (word == "DISCARD") return {.kind = Kind::discard, .text = printable(rest, 400)};
  if (word == "HOLD") return {.kind = Kind::hold, .text = printable(rest, 400)};
  if (word == "WARN" || word == "INFO" || action_not_carried(word)) {
    return {.kind = Kind::note, .text = printable(value, 400)};
  }
  if (word.size() == 3 && all_digits(word) && (word[0] == '4' || word[0] == '5') && !rest.empty()) {
    const auto code = static_cast<std::uint16_t>(*parse_number(word));
    return with_text(Kind::refuse, code, rest, "Access denied");
  }
  auto list = compile_action_list(value, policy);
  if (!list) return {.kind = Kind::invalid, .text = list.error().message};
  return {.kind = Kind::rules, .text = printable(value, 400), .list = std::move(*list)};
}

RuleOutcome apply(Context& context, const Rule& rule, Subject subject, const Action& action) {
  using Kind = Action::Kind;
  if (subject == Subject::list) subject = context.subject_of(rule);
  const auto enhanced = [&](smtp::EnhancedCode preset) {
    return action.enhanced ? adjusted(*action.enhanced, subject) : preset;
  };
  switch (action.kind) {
    case Kind::permit:
      return context.permit(action.text);
    case Kind::pass:
      return context.pass(action.text);
    case Kind::refuse:
      return context.refuse(rule, action.code, enhanced({5, 7, 1}), action.text);
    case Kind::defer_if_permit:
      return context.defer_if_permit(rule, action.code, enhanced({4, 7, 1}), action.text);
    case Kind::defer_if_reject:
      return context.defer_if_reject(rule, action.code, enhanced({4, 7, 1}), action.text);
    case Kind::discard:
      // As in Postfix, whose warning speaks of smtpd_delay_reject alone.
      if (!context.has_sender()) {
        return context.pass("DISCARD before MAIL, where there is no message");
      }
      context.discard(rule, action.text.empty() ? rule.words : action.text);
      return context.permit("DISCARD " + action.text);
    case Kind::hold:
      context.hold(rule, action.text.empty() ? rule.words : action.text);
      return context.pass("HOLD " + action.text);
    case Kind::note:
      return context.pass(action.text);
    case Kind::rules:
      return context.run_row(action.list);
    case Kind::invalid:
      break;
  }
  return context.configuration_error(rule, action.text);
}

namespace {

/// Tries a key that begins with a local part of `size` octets: first as it is written in an
/// address, if that has quotes, and then without them.
std::optional<RuleOutcome> try_local(Context& context, const Rule& rule, Subject subject,
                                     const Address& address, std::string_view key,
                                     std::size_t size) {
  if (address.quoted) {
    const std::string written =
        mail::quoted_local_part(key.substr(0, size)).append(key.substr(size));
    if (auto outcome = try_key(context, rule, subject, written)) return outcome;
  }
  return try_key(context, rule, subject, key);
}

/// The keys after the whole address: the address without its extension, the domain and its parents,
/// the local part.
std::optional<RuleOutcome> try_parts(Context& context, const Rule& rule, Subject subject,
                                     const Address& address) {
  const auto found = [&](std::string_view key, std::size_t size) {
    return try_local(context, rule, subject, address, key, size);
  };
  const std::string_view key = address.key;
  const std::size_t at = address.local.size();
  const std::size_t extension = context.policy().extension_at(key.substr(0, at));
  std::string without;  // the address without its extension
  if (extension != std::string_view::npos) {
    without.append(key.substr(0, extension)).append(key.substr(at));
    if (auto outcome = found(without, extension)) return outcome;
  }
  if (auto outcome = try_names(context, rule, subject, address.written_domain())) return outcome;
  if (auto outcome = found(key.substr(0, at + 1), at)) return outcome;
  if (extension == std::string_view::npos) return std::nullopt;
  return found(std::string_view(without).substr(0, extension + 1), extension);
}

}  // namespace

RuleOutcome check_address(Context& context, const Rule& rule, const Address& address,
                          Subject subject) {
  if (address.is_null()) {
    const std::string& key = context.policy().null_access_lookup_key;
    if (key.empty()) return context.pass("smtpd_null_access_lookup_key is empty");
    const auto outcome = try_key(context, rule, subject, key);
    return outcome ? *outcome : context.pass(nothing_found);
  }
  std::optional<RuleOutcome> outcome =
      try_local(context, rule, subject, address, address.key, address.local.size());
  if (!outcome && !rule.table->is_pattern()) outcome = try_parts(context, rule, subject, address);
  if (!outcome) return context.pass(nothing_found);
  // OK does not permit a recipient with a sender-specified route, such as user%elsewhere@ours.
  const bool untrusted =
      subject == Subject::recipient && address.routed && !context.policy().allow_untrusted_routing;
  if (*outcome == RuleOutcome::permit && untrusted) {
    return context.pass("OK is not for addresses with a route");
  }
  return *outcome;
}

RuleOutcome check_name(Context& context, const Rule& rule, std::string_view name, Subject subject) {
  const auto outcome = try_names(context, rule, subject, name);
  return outcome ? *outcome : context.pass(nothing_found);
}

RuleOutcome check_key(Context& context, const Rule& rule, std::string_view key, Subject subject) {
  const auto outcome = try_key(context, rule, subject, key);
  return outcome ? *outcome : context.pass(nothing_found);
}

void trust_if_relayed(Context& context, const Rule& rule) {
  const bool relays = context.list() == ListKind::relay || context.list() == ListKind::recipient;
  const Address* recipient = relays && !rule.table->is_total() ? context.recipient() : nullptr;
  if (recipient == nullptr || context.discarded()) return;
  if (context.is_authorised(*recipient) == Match::no) context.trust_client(rule);
}

namespace {

RuleOutcome look_up_client(Context& context, const Rule& rule) {
  const policy::ClientName& client = context.client_name();
  if (client.status == policy::ClientName::Status::waiting) return RuleOutcome::wait;
  const bool verified = client.status == policy::ClientName::Status::verified;
  if (auto outcome =
          try_names(context, rule, Subject::client, verified ? lower(client.name) : "unknown")) {
    return *outcome;
  }
  const auto outcome =
      try_host_address(context, rule, Subject::client, context.evidence().session.client_ip);
  return outcome ? *outcome : context.pass(nothing_found);
}

}  // namespace

RuleOutcome check_client(Context& context, const Rule& rule) {
  const RuleOutcome outcome = look_up_client(context, rule);
  if (outcome == RuleOutcome::permit) trust_if_relayed(context, rule);
  return outcome;
}

RuleOutcome check_servers(Context& context, const Rule& rule, std::string_view name,
                          Subject subject, ServersOf which) {
  using Status = policy::questions::Servers::Status;
  // Postfix looks at 100 addresses of one rule.
  constexpr std::size_t most_addresses = 100;
  const bool literal = name.starts_with('[') && name.ends_with(']');
  if (literal) {
    name = name.substr(1, name.size() - 2);
    if (istarts_with(name, "ipv6:")) name.remove_prefix(5);
  }
  const auto address = IpAddress::parse(name);
  if (literal && !address) return context.pass("no valid address literal");
  if (address) {
    if (which == ServersOf::ns) return context.pass("an address has no name servers");
    const auto outcome = try_host_address(context, rule, subject, *address);
    return outcome ? *outcome : context.pass(nothing_found);
  }
  const std::string domain = lower(name);
  policy::questions::Servers servers{.status = Status::none, .hosts = {}};
  if (which == ServersOf::mx) {
    servers = policy::questions::mail_hosts(domain, context.answers());
  } else if (which == ServersOf::ns) {
    servers = policy::questions::name_servers(domain, context.answers());
  }
  switch (servers.status) {
    case Status::waiting:
      return RuleOutcome::wait;
    case Status::trouble:
      return context.pass("WARN no answer of DNS about the servers of " + printable(domain, 255));
    case Status::null_mx:
      return context.pass("the domain accepts no mail");
    case Status::none:
      if (which == ServersOf::ns) return context.pass("no name server found");
      servers.hosts.push_back({.name = domain});
      break;
    case Status::found:
      break;
  }
  std::size_t seen = 0;
  for (const auto& host : servers.hosts) {
    if (which != ServersOf::a) {
      if (auto outcome = try_names(context, rule, subject, host.name)) return *outcome;
    }
    const auto addresses =
        policy::questions::addresses_of(host.name, context.answers(), context.policy().families);
    if (addresses.waiting) return RuleOutcome::wait;
    for (const IpAddress& one : addresses.records) {
      if (++seen > most_addresses) {
        return context.pass("WARN more than 100 addresses of servers of " + printable(domain, 255));
      }
      if (auto outcome = try_host_address(context, rule, subject, one)) return *outcome;
    }
  }
  return context.pass(nothing_found);
}

RuleOutcome without_permit(Context& context, const Rule& rule, RuleOutcome outcome,
                           const char* why) {
  // DISCARD ends the lists and is no permit.
  if (outcome != RuleOutcome::permit || context.discarded()) return outcome;
  return context.configuration_error(rule, why);
}

}  // namespace postern::dialect::restrictions
