#include "dialect/restrictions/lint_model.h"

#include <algorithm>

#include "base/strangers.h"
#include "base/text.h"

namespace postern::dialect::restrictions {

namespace {

using Class = Keyword::Class;
using Certain = Keyword::Certain;

/// Nesting of classes through tables; any outcome is assumed beyond it.
constexpr int deepest_model = 16;
/// Rows of a table that are examined one by one.
constexpr std::size_t max_rows = 20'000;
/// Permitting values whose rows are examined.
constexpr std::size_t max_values = 50;

constexpr Can only_permit{.permit = true};
constexpr Can only_refuse{.refuse = true};
constexpr Can only_pass{.pass = true};
constexpr Can only_fail{.fail = true};
constexpr Can permit_or_pass{.permit = true, .pass = true};
constexpr Can refuse_or_pass{.refuse = true, .pass = true};
/// Rules that ask DNS: a failure sets defer_if_permit.
constexpr Can refuse_pass_or_defer{.refuse = true, .pass = true, .defer = true};

Known known(Subject subject, const Moment& moment) {
  switch (subject) {
    case Subject::helo:
      return moment.helo;
    case Subject::sender:
      return moment.sender;
    case Subject::recipient:
      return moment.recipient;
    case Subject::etrn:
      return moment.etrn;
    default:
      return Known::yes;
  }
}

/// Whether an exact key of a recipient table can match an address outside our domains. The keys are
/// tried as user@domain, domain and its parents, user@.
bool opens_foreign(const ListPolicy& policy, std::string_view key) {
  const std::size_t at = key.rfind('@');
  const bool is_address = at != std::string_view::npos;
  const std::string domain = lower(is_address ? key.substr(at + 1) : key);
  if (domain.empty()) return true;
  if (is_address) return !is_ours(policy.domain_class(domain));
  const bool below = domain.starts_with('.');
  const std::string_view name = std::string_view(domain).substr(below ? 1 : 0);
  if (!policy.access_parents_by_name && !below) {
    return !is_ours(policy.domain_class(name));
  }
  // A subdomain of our domain is ours only if a list says so.
  return !(policy.relay_domains.covers_subdomains() &&
           policy.relay_domains.contains(name) == Match::yes);
}

/// Whether a row of a client table can match a client outside mynetworks.
bool opens_stranger(const ListPolicy& policy, const Table::Row& row) {
  if (!policy.mynetworks.is_plain()) return true;
  const auto first = IpAddress::parse(row.key);
  const auto last = row.last.empty() ? first : IpAddress::parse(row.last);
  if (!first || !last) return true;
  const auto networks = policy.mynetworks.networks();
  return std::none_of(networks.begin(), networks.end(),
                      [&](const Cidr& one) { return one.contains(*first) && one.contains(*last); });
}

/// Whether an unknown client, or mail to a foreign destination, can get this value at all.
bool is_reachable(const ListPolicy& policy, const Rule& rule, const std::string& value,
                  const Moment& moment) {
  const Subject subject = rule.keyword->subject;
  const Table& table = *rule.table;
  const bool by_client = subject == Subject::client;
  const bool by_recipient = subject == Subject::recipient;
  if (!by_client && !by_recipient) return true;
  if (by_client && moment.swallowed) return true;
  if (table.is_pattern() && !table.is_network()) return true;
  const auto rows = table.rows_with(value, max_rows);
  if (!rows || rows->size() == max_rows) return true;
  return std::any_of(rows->begin(), rows->end(), [&](const Table::Row& row) {
    if (by_client) return opens_stranger(policy, row);
    return !table.is_network() && opens_foreign(policy, row.key);
  });
}

/// Whether the table has a value for every key that the rule looks up.
bool is_total(const Rule& rule) {
  if (!rule.table->is_total()) return false;
  const bool addresses_only =
      rule.table->is_network() || rule.table->name().find("cidr:") != std::string::npos;
  return !addresses_only || rule.keyword->keys == Keyword::Keys::address;
}

/// Whether the rule always has something to look up.
bool always_asks(const Rule& rule) { return rule.keyword->keys != Keyword::Keys::some; }

Can can_check(const ListPolicy& policy, const Rule& rule, const Moment& moment) {
  if (rule.keyword->subject == Subject::login && moment.stranger) return only_pass;
  // Unknown clients have certificates that no row names.
  if (rule.keyword->subject == Subject::certificate && moment.stranger && rule.table &&
      rule.actions && !rule.table->is_total() && !rule.table->is_pattern()) {
    return only_pass;
  }
  if (!rule.table || !rule.actions) return can_say_anything;
  Can all;
  std::size_t looked_at = 0;
  for (const auto& [value, action] : *rule.actions) {
    Can one = can_say(policy, action, moment);
    const bool asks = moment.stranger && rule.keyword->may_permit && one.permit && !all.permit &&
                      ++looked_at <= max_values;
    if (asks && !is_reachable(policy, rule, value, moment)) one.permit = false;
    all |= one;
  }
  if (!is_total(rule) || !always_asks(rule)) all.pass = true;
  // OK does not permit a recipient with a sender-specified route.
  const bool routed =
      rule.keyword->subject == Subject::recipient && !policy.allow_untrusted_routing;
  if (routed && all.permit) all.pass = true;
  if (!rule.keyword->may_permit && all.permit) {
    all.permit = false;
    all.fail = true;
  }
  return all;
}

Can can_permit(const ListPolicy& policy, const Rule& rule, const Moment& moment) {
  const Certain certain = rule.keyword->certain;
  if (certain == Certain::always) return only_permit;
  if (certain == Certain::listed) {
    // These permit only our own destinations, if there is a recipient to judge.
    if (!rule.zone || (moment.stranger && moment.recipient == Known::yes)) return only_pass;
    return permit_or_pass;
  }
  if (!moment.stranger) return permit_or_pass;
  if (certain == Certain::networks) return moment.swallowed ? permit_or_pass : only_pass;
  // A client makes certificates until a pattern matches one.
  if (certain == Certain::certificates) {
    return policy.relay_clientcerts.has_named_keys() ? only_pass : permit_or_pass;
  }
  // permit_mx_backup permits domains whose owner names this server, which is no open relay
  // (SettingsChecker warns of it).
  return certain == Certain::ours ? only_pass : permit_or_pass;
}

Can can_reject(const Rule& rule, const Moment& moment) {
  const Certain certain = rule.keyword->certain;
  if (certain == Certain::always) return only_refuse;
  if (rule.keyword->takes == Keyword::Takes::zone && !rule.zone) return only_pass;
  if (certain == Certain::foreign && moment.stranger) return only_refuse;
  return certain == Certain::by_dns ? refuse_pass_or_defer : refuse_or_pass;
}

Can can_keyword(const ListPolicy& policy, const Rule& rule, const Moment& moment) {
  const Keyword& keyword = *rule.keyword;
  switch (keyword.kind) {
    case Class::permit:
      return can_permit(policy, rule, moment);
    case Class::reject:
      return can_reject(rule, moment);
    case Class::check:
      if (keyword.certain == Certain::foreign) {
        return moment.stranger ? only_refuse : Can{.permit = true, .refuse = true};
      }
      return keyword.takes == Keyword::Takes::service ? can_say_anything
                                                      : can_check(policy, rule, moment);
    case Class::other:
      break;
  }
  if (keyword.certain == Certain::deferral) return {.defer = true};
  return keyword.certain == Certain::pass ? only_pass : can_say_anything;
}

}  // namespace

Can& Can::operator|=(const Can& other) {
  permit |= other.permit;
  refuse |= other.refuse;
  pass |= other.pass;
  defer |= other.defer;
  fail |= other.fail;
  discard |= other.discard;
  written_discard |= other.written_discard;
  return *this;
}

Moment moment_of(const ListPolicy& policy, ListKind list) {
  const Known helo = policy.helo_required ? Known::yes : Known::maybe;
  Moment moment{.helo = helo};
  switch (list) {
    case ListKind::client:
      if (!policy.delay_reject) moment = {Known::no, Known::no, Known::no};
      break;
    case ListKind::helo:
      if (!policy.delay_reject) moment = {Known::yes, Known::no, Known::no};
      break;
    case ListKind::sender:
      if (!policy.delay_reject) moment.recipient = Known::no;
      break;
    case ListKind::relay:
    case ListKind::recipient:
      break;
    case ListKind::data:
    case ListKind::end_of_data:
      moment.recipient = Known::maybe;
      break;
    case ListKind::etrn:
      moment = {Known::maybe, Known::no, Known::no, Known::yes};
      break;
  }
  return moment;
}

bool lacks_subject(const Rule& rule, const Moment& moment) {
  return rule.keyword != nullptr && known(rule.keyword->subject, moment) == Known::no;
}

bool goes_on(const Can& can, const Moment& moment) {
  return can.pass || (can.defer && !moment.stranger);
}

bool decides(const Can& can) {
  return !can.pass && !can.defer && (can.permit || can.refuse || can.discard);
}

Can can_say(const ListPolicy& policy, const Action& action, const Moment& moment) {
  switch (action.kind) {
    case Action::Kind::permit:
      return only_permit;
    case Action::Kind::pass:
    case Action::Kind::hold:
    case Action::Kind::note:
    case Action::Kind::defer_if_reject:
      return only_pass;
    case Action::Kind::refuse:
      return only_refuse;
    case Action::Kind::defer_if_permit:
      return {.defer = true};
    case Action::Kind::discard:
      return {.discard = true, .written_discard = true};
    case Action::Kind::rules:
      return action.list ? fold(policy, *action.list, moment) : can_say_anything;
    case Action::Kind::invalid:
      break;
  }
  return only_fail;
}

Can can(const ListPolicy& policy, const Rule& rule, const Moment& outer) {
  Moment moment = outer;
  moment.warn_only = outer.warn_only || rule.warn_only;
  Can result;
  if (rule.list) {
    result = fold(policy, *rule.list, moment);
  } else if (rule.keyword == nullptr) {
    result = only_fail;
  } else {
    const Known there = known(rule.keyword->subject, moment);
    if (there == Known::no) return only_pass;
    result = can_keyword(policy, rule, moment);
    if (there == Known::maybe) result.pass = true;
  }
  // warn_if_reject: refusals and deferrals become warnings.
  if (moment.warn_only && (result.refuse || result.defer)) {
    result.refuse = result.defer = false;
    result.pass = true;
  }
  return result;
}

Can fold(const ListPolicy& policy, const List& list, const Moment& outer) {
  if (outer.depth >= deepest_model) return can_say_anything;
  const Moment::Folds::key_type key{&list, outer.warn_only, outer.depth};
  if (const auto known = outer.folds->find(key); known != outer.folds->end()) return known->second;
  Moment moment = outer;
  ++moment.depth;
  Can all;
  bool more = true;
  for (const Rule& rule : list) {
    Can one = can(policy, rule, moment);
    more = goes_on(one, moment);
    one.pass = false;
    all |= one;
    if (!more) break;
  }
  all.pass = more;
  return outer.folds->emplace(key, all).first->second;
}

policy::ClientCertificate certificate_of_stranger() {
  const auto print = [](std::string_view last) {
    std::string text;
    for (int octet = 0; octet < 31; ++octet) text += "5A:";
    return text.append(last);
  };
  return {.name = "stranger.example",
          .fingerprint = print("17"),
          .key_fingerprint = print("18"),
          .trusted = false};
}

std::optional<IpAddress> swallowed_stranger(const ListPolicy& policy) {
  const auto inside = [&](const IpAddress& one) {
    const std::string nameless;
    return policy.mynetworks.contains(one, &nameless) == Match::yes;
  };
  const auto found = stranger_in(policy.mynetworks.claims());
  return found && inside(*found) ? found : stranger_where(inside);
}

}  // namespace postern::dialect::restrictions
