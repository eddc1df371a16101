#include "plan/address_classes.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "base/text.h"
#include "explain/play.h"
#include "mail/local_part.h"
#include "mail/postfix_path.h"
#include "policy/directory.h"
#include "policy/own_addresses.h"
#include "policy/questions/helo_valid.h"

namespace postern::plan {

namespace {

/// A local part that may be in quotes, without them.
std::string unquoted(const std::string& local) {
  return mail::Mailbox{local, ""}.unquoted_local_part();
}

/// Fault::malformed: no address has this domain, as the "#" of `mydestination = a.example # ours`.
Result<mail::Mailbox> mailbox_of(const std::string& local, const std::string& domain) {
  if (local.empty()) return fail(Fault::malformed, "no local part");
  auto parsed = mail::parse_mailbox(local + "@" + domain, mail::Utf8::allowed);
  // A local part that is no word stands in quotes (RFC 5321 §4.1.2).
  return parsed ? std::move(parsed)
                : mail::parse_mailbox(mail::quoted_local_part(local) + "@" + domain,
                                      mail::Utf8::allowed);
}

/// Collects addresses, each once.
class Addresses {
 public:
  Addresses(std::vector<AddressClass>& into, Pace& pace) : into_(into), pace_(pace) {
    for (const AddressClass& one : into) {
      if (one.one) seen_.insert(lower(one.one->text()));
    }
  }

  /// The address stands for those of `members`.
  void add(const std::string& local, const std::string& domain, AddressClass members) {
    if (auto parsed = mailbox_of(local, domain)) put(std::move(*parsed), std::move(members));
  }

  void put(mail::Mailbox mailbox, AddressClass members) {
    pace_.step();
    // What the session refuses by itself comes to no list: "x@192.0.2.1".
    if (!mail::parse_postfix_path("<" + mailbox.text() + ">", mail::Utf8::allowed)) return;
    if (!seen_.insert(lower(mailbox.text())).second) return;
    if (into_.size() >= most_addresses) throw TooManyClasses(too_many_addresses);
    // As the address has it: with A-labels.
    if (!is_ascii(members.below)) {
      members.below = mailbox.domain.substr(mailbox.domain.find('.') + 1);
    }
    members.one = std::move(mailbox);
    into_.push_back(std::move(members));
  }

 private:
  std::vector<AddressClass>& into_;
  Pace& pace_;
  std::set<std::string> seen_;
};

/// The names of one label that become this domain.
void add_uncompleted(const std::string& domain, const Reading& reading,
                     std::set<std::string>& into) {
  for (const std::string& parent : reading.completing) {
    const std::size_t dot = domain.find('.');
    if (dot != 0 && dot != std::string::npos && domain.substr(dot + 1) == parent) {
      into.insert(domain.substr(0, dot));
    }
  }
}

/// The classes of addresses that tables with these keys tell apart. `own`: domains of this server;
/// `locals`: local parts that mean something at any of these.
std::vector<AddressClass> addresses_of(const std::set<std::string>& keys,
                                       const std::set<std::string>& own,
                                       const std::set<std::string>& locals, const Reading& reading,
                                       const Taken& taken, const Spelling& spelling, Pace& pace) {
  std::set<std::string> domains = bare_domains(own);
  std::set<std::string> literals{spelling.literal};
  literals.insert(reading.literals.begin(), reading.literals.end());
  std::vector<std::pair<std::string, std::string>> whole;  // local part, domain
  std::set<std::string> anywhere(locals);                  // local parts with any domain
  const auto note_domain = [&](const std::string& domain) {
    if (domain.starts_with('[')) literals.insert(domain);
    if (is_domain(domain)) domains.insert(domain.starts_with('.') ? domain.substr(1) : domain);
  };
  for (const std::string& key : keys) {
    pace.step();
    const std::size_t at = key.rfind('@');
    if (at == std::string::npos) {
      note_domain(key);
      continue;
    }
    const std::string local = key.substr(0, at);
    const std::string domain = key.substr(at + 1);
    if (!domain.empty()) note_domain(domain);
    if (local.empty()) continue;
    if (domain.empty()) {
      anywhere.insert(local);
    } else {
      whole.emplace_back(local, domain);
    }
  }
  std::set<std::string> short_names;
  for (const std::string& domain : domains) add_uncompleted(domain, reading, short_names);
  const auto keyed = whole;
  for (const auto& [local, domain] : keyed) {
    std::set<std::string> names;
    add_uncompleted(domain, reading, names);
    for (const std::string& name : names) whole.emplace_back(local, name);
  }
  domains.merge(short_names);
  std::vector<AddressClass> classes;
  Addresses addresses(classes, pace);
  const std::string other = unrelated(spelling.other, taken.domains);
  addresses.add(unlike(spelling.plain, taken.locals), other,
                {.words = "any other address", .other_domain = true});
  const auto is_exact = [&](const std::string& domain) {
    return domains.contains(domain) || literals.contains(domain);
  };
  const auto extended = [&](const std::string& local, const std::string& domain) {
    AddressClass members{
        .listed = true,
        .exact = is_exact(domain),
        .local = local,
        .below = is_exact(domain) || domain == spelling.one_label
                     ? ""
                     : domain.substr(domain.find('.') + 1),
        .other_domain = domain == other,
        .local_pattern = local == no_local_part ? "()" : literal_pattern(lower(unquoted(local)))};
    if (members.other_domain) members.below.clear();
    if (!members.below.empty()) members.domain_pattern = below_pattern(members.below);
    if (domains.contains(domain)) members.domain_pattern = literal_pattern(lower(domain));
    const std::string where = members.other_domain           ? "any other domain"
                              : !members.below.empty()       ? "any name below " + members.below
                              : domain == spelling.one_label ? std::string(one_label_words)
                                                             : domain;
    members.words = local + "@" + where;
    addresses.add(local, domain, members);
    // What always exists has no extension, and no table knows it by one.
    const bool always = local == "postmaster" || local == "mailer-daemon";
    if ((always && !taken.locals.contains(local)) || local == no_local_part) return;
    members.exact = false;
    members.extended = true;
    members.local_pattern += ".+";
    for (const char delimiter : reading.delimiters) {
      if (local.find(delimiter) != std::string::npos) continue;
      std::vector<std::pair<std::string, std::string>> extensions{
          {delimiter + spelling.extension, std::string(1, delimiter) + "*"}};
      if (reading.requests && delimiter == '-') {
        extensions.emplace_back("-request", "-request");
      } else if (reading.requests) {
        extensions.emplace_back(delimiter + spelling.extension + "-request",
                                std::string(1, delimiter) + "*-request");
      }
      for (const auto& [extension, words] : extensions) {
        members.words = local + words + "@" + where;
        addresses.add(local + extension, domain, members);
      }
    }
  };
  for (const auto& [local, domain] : whole) extended(local, domain);
  std::vector<std::string> names = names_around(domains, taken, spelling);
  const std::string any = unlike(spelling.any, taken.locals);
  std::set<std::string> with_addresses;
  for (const auto& [local, domain] : whole) with_addresses.insert(domain);
  for (const std::string& name : names) {
    const std::string parent = name.substr(name.find('.') + 1);
    const bool exact = domains.contains(name);
    const bool some = !anywhere.empty() || with_addresses.contains(name);
    addresses.add(any, name,
                  {.listed = true,
                   .words = !exact ? "below " + parent
                            : some ? "other addresses at " + name
                                   : name,
                   .below = exact ? "" : parent,
                   .domain_pattern = exact ? literal_pattern(lower(name)) : below_pattern(parent)});
  }
  for (const std::string& literal : literals) {
    addresses.add(any, literal, {.listed = true, .words = literal});
  }
  names.push_back(other);
  names.insert(names.end(), literals.begin(), literals.end());
  if (!reading.completing.empty()) names.push_back(spelling.one_label);
  for (const std::string& local : anywhere) {
    for (const std::string& name : names) extended(local, name);
  }
  addresses.add(any, spelling.one_label, {.words = std::string(one_label_words)});
  addresses.add(any, spelling.number_last, {.words = std::string(number_last_words)});
  // Where lists are in use, an address may lack its domain.
  const auto bare = [&](const std::string& local) {
    addresses.put({local, ""}, {.listed = true, .exact = true, .words = local, .local = local});
    for (const char delimiter : reading.delimiters) {
      if (local == no_local_part || local.find(delimiter) != std::string::npos) continue;
      const std::string more = local + delimiter + spelling.extension;
      addresses.put(
          {more, ""},
          {.listed = true, .words = local + delimiter + "*", .local = local, .extended = true});
    }
  };
  for (const std::string& local : anywhere) bare(local);
  for (const auto& [local, domain] : whole) {
    if (reading.origins.contains(domain)) bare(local);
  }
  addresses.put({any, ""}, {.words = "an address without domain"});
  return classes;
}

/// Of addresses with a route that leads to no name of a table; "": without a domain.
std::string words_of_route(const std::string& hop) {
  return hop.empty() ? "other addresses with a route and no domain"
                     : "other addresses with a route through " + hop;
}

/// Addresses with a route through a domain of this server, in each form.
void add_routes_through_ours(const std::set<std::string>& own, const std::string& foreign,
                             const Taken& taken, const Spelling& spelling,
                             std::vector<AddressClass>& recipients, Pace& pace) {
  constexpr std::size_t most_targets = 8;
  Addresses routed(recipients, pace);
  std::vector<std::string> targets{foreign};
  for (const std::string& domain : own) {
    if (targets.size() <= most_targets) targets.push_back(domain);
  }
  const std::string& plain = spelling.plain;
  for (const std::string& hop : names_around(own, taken, spelling)) {
    for (const std::string& target : targets) {
      const std::string words = words_of_route(hop);
      const std::size_t before = recipients.size();
      for (const std::string& local :
           {plain + "%" + target, target + "!" + plain, plain + "@" + target}) {
        routed.add(local, hop,
                   {.listed = true,
                    .words = words,
                    .local = local,
                    .below = own.contains(hop) ? "" : hop.substr(hop.find('.') + 1)});
      }
      const bool usual = target == foreign && own.contains(hop);
      for (std::size_t at = before; at < recipients.size(); ++at) recipients[at].winding = !usual;
    }
  }
  // Without a domain only the route says where mail goes, and postmaster has a rule of its own.
  for (const std::string& local :
       {plain + "%" + foreign, foreign + "!" + plain, "postmaster%" + foreign}) {
    routed.put({local, ""}, {.listed = true, .words = words_of_route(""), .local = local});
  }
}

/// Whether mydestination of these versions is the same, as far as its tables tell by their names.
bool same_tables(const std::vector<const dialect::restrictions::ListPolicy*>& policies) {
  std::set<std::string> named;
  for (const auto* policy : policies) {
    std::string names;
    for (const auto& table : policy->mydestination.tables()) {
      const bool in_place = table->name().find('{') != std::string::npos;
      const bool keyed = !table->is_pattern() && !table->is_remote();
      if (!in_place && !keyed) return policies.size() == 1;
      if (!keyed) names += table->name() + "\n";
    }
    named.insert(names);
  }
  return named.size() <= 1;
}

/// Whether a version takes routes through this domain off; "": of addresses without one.
bool takes_off(const dialect::restrictions::ListPolicy& policy, const std::string& hop,
               const IpAddress& reached) {
  const std::string through = policy::completed_domain(hop.empty() ? lower(policy.myorigin) : hop,
                                                       policy.appended_domain());
  return policy.domain_class(through, nullptr, reached) ==
         dialect::restrictions::DomainClass::local;
}

/// By which signs a version takes a route through this domain off: "@!%".
std::string signs_of(const dialect::restrictions::ListPolicy& policy, const std::string& hop) {
  if (!takes_off(policy, hop, reached_address())) return "";
  return std::string("@") + (policy.swap_bangpath ? "!" : "") +
         (policy.allow_percent_hack ? "%" : "");
}

/// An address with a route through `hop` that leads to `target`, by a sign.
std::string routed_local(const mail::Mailbox& target, char sign) {
  const std::string local = target.unquoted_local_part();
  return sign == '!' ? target.domain + "!" + local : local + sign + target.domain;
}

/// A local part as it stands in an address.
std::string local_part_of(const std::string& local) {
  const auto parsed = mail::parse_mailbox(local + "@example.com", mail::Utf8::allowed);
  return parsed && parsed->local_part == local ? local : mail::quoted_local_part(local);
}

/// Addresses with a route, wherever it leads, through the domains of which one version takes it off
/// and the other does not. Through another domain both read the address that the route leads to.
void add_routes_read_otherwise(const dialect::restrictions::PolicyWords& words, const Taken& taken,
                               const Spelling& spelling, const std::vector<AddressClass>& targets,
                               std::vector<AddressClass>& addresses, Pace& pace) {
  if (words.policies.empty()) return;
  const std::set<std::string> own = bare_domains(words.domains);
  std::map<std::string, std::string> signs;  // by domain
  const auto note = [&](const std::string& hop, bool is_open) {
    std::set<std::string> taken_off;
    for (const auto* policy : words.policies) taken_off.insert(signs_of(*policy, hop));
    for (const char sign : std::string_view("@!%")) {
      const auto takes = [&](const std::string& one) { return one.find(sign) != one.npos; };
      const auto takers = std::ranges::count_if(taken_off, takes);
      const bool differ = takers != 0 && takers != std::ssize(taken_off);
      if (differ || is_open) signs[hop] += sign;
    }
  };
  // Where all versions read the signs alike, one stands for all.
  std::set<std::pair<bool, bool>> readings;
  for (const auto* policy : words.policies) {
    readings.emplace(policy->swap_bangpath, policy->allow_percent_hack);
  }
  const auto [swaps, hacks] = *readings.begin();
  const std::string one_sign = readings.size() > 1 ? "" : hacks ? "%" : swaps ? "!" : "@";
  const bool open = !same_tables(words.policies);
  const std::string other = targets.front().one->domain;
  const std::vector<std::string> names = names_around(own, taken, spelling);
  for (const std::string& hop : names) note(hop, open && !own.contains(hop));
  std::set<std::string> literals;
  for (const AddressClass& one : targets) {
    if (one.one && one.one->domain.starts_with('[')) literals.insert(lower(one.one->domain));
  }
  for (const std::string& literal : literals) note(literal, false);
  note(other, open);
  note("", false);
  constexpr std::size_t most_routes = 20'000;
  if (signs.size() * targets.size() > most_routes) {
    throw TooManyClasses("more than 20,000 kinds of routes");
  }
  Addresses routed(addresses, pace);
  for (const auto& [hop, by] : signs) {
    const bool is_own = own.contains(hop) || hop.empty();
    const bool is_exact = is_own || hop.starts_with('[') || hop == other;
    for (const AddressClass& target : targets) {
      if (!target.one || target.one->domain.empty()) continue;
      const std::string to = lower(target.one->domain);
      const bool usual = is_own && !is_named(to, own) && !to.starts_with('[');
      for (const char sign : one_sign.empty() ? by : one_sign) {
        const std::string local = routed_local(*target.one, sign);
        AddressClass members{.listed = true,
                             .winding = !usual && hop != other,
                             .words = words_of_route(hop),
                             .local = local,
                             .below = is_exact ? "" : hop.substr(hop.find('.') + 1),
                             .other_domain = hop == other};
        if (hop.empty()) {
          routed.put({local_part_of(local), ""}, std::move(members));
        } else {
          routed.add(local, hop, std::move(members));
        }
      }
    }
  }
}

/// Addresses with a route that all versions take off, and that are judged otherwise than the
/// address that it leads to: to a domain of one label, which is completed without a route only; to
/// an address literal, to which mail goes only with a route; to the sender of probes, which no list
/// judges without one; and without a domain, which is not fully qualified, wherever the route
/// leads.
void add_routes_judged_otherwise(const dialect::restrictions::PolicyWords& words,
                                 const Reading& reading, dialect::restrictions::Subject subject,
                                 const Taken& taken, const Spelling& spelling,
                                 std::vector<AddressClass> targets,
                                 std::vector<AddressClass>& addresses, Pace& pace) {
  using dialect::restrictions::DomainClass;
  using dialect::restrictions::ListPolicy;
  if (words.policies.empty()) return;
  const auto in_all = [&](const auto& holds) {
    return std::ranges::all_of(words.policies, [&](const ListPolicy* one) { return holds(*one); });
  };
  const auto is_hop = [&](const std::string& domain) {
    return in_all(
        [&](const ListPolicy& one) { return takes_off(one, domain, IpAddress::unknown()); });
  };
  if (words.address_patterns) add_quoted(targets, pace);
  const bool of_recipients = subject == dialect::restrictions::Subject::recipient;
  std::vector<std::string> hops = names_around(bare_domains(words.domains), taken, spelling);
  for (const AddressClass& one : targets) {
    if (one.one && one.one->domain.starts_with('[')) hops.push_back(lower(one.one->domain));
  }
  // Through a domain of one label, the address that it becomes is read as it is written.
  if (!reading.completing.empty()) {
    std::erase_if(hops, [](const std::string& one) {
      return one.find('.') == std::string::npos && !one.starts_with('[');
    });
  }
  const auto hop = std::ranges::find_if(
      hops, [&](const std::string& domain) { return mailbox_of("b", domain) && is_hop(domain); });
  const bool asks_form = of_recipients ? words.asks_recipient_form : words.asks_sender_form;
  const bool bare = asks_form && is_hop("");
  const char sign =
      in_all([](const ListPolicy& one) { return one.allow_percent_hack; }) ? '%' : '@';
  Addresses routed(addresses, pace);
  const auto add = [&](const AddressClass& target, const std::string& through) {
    AddressClass members = target;
    members.one = mail::Mailbox{std::string(1, sign), through};
    members.read = *target.one;
    members.one = routed_to(*target.one, members);
    members.listed = true;
    members.exact = members.extended = members.other_domain = members.quoted = false;
    members.winding = of_recipients && !in_all([&](const ListPolicy& one) {
                        return one.domain_class(lower(target.one->domain), nullptr,
                                                reached_address()) != DomainClass::local;
                      });
    members.words = words_of_route(through);
    members.local = members.one->unquoted_local_part();
    members.below.clear();
    routed.put(*members.one, members);
  };
  for (const AddressClass& target : targets) {
    if (!target.one || target.one->domain.empty()) continue;
    const std::string domain = lower(target.one->domain);
    const bool is_literal = domain.starts_with('[');
    const bool is_completed =
        !is_literal && domain.find('.') == std::string::npos && !reading.completing.empty();
    const bool is_passed_on = is_literal && of_recipients;
    const bool is_probed = of_recipients && !in_all([&](const ListPolicy& one) {
                             return !one.verification.may_be_probe_sender(*target.one);
                           });
    if (hop != hops.end() && (is_completed || is_passed_on || is_probed)) add(target, *hop);
    using policy::questions::NameForm;
    if (bare && policy::questions::name_form(domain) == NameForm::fqdn) add(target, "");
  }
}

/// Recipients with a route through a domain that is none of ours: a row that permits does not
/// permit them, nor do patterns that name domains of ours (allow_untrusted_routing). And those with
/// a route through a domain of ours that leads to no host.
void add_routes_through_others(const dialect::restrictions::PolicyWords& words,
                               const std::vector<AddressClass>& plain,
                               std::vector<AddressClass>& recipients, Pace& pace) {
  using dialect::restrictions::ListPolicy;
  const auto any_of = [&](const auto& holds) {
    return std::ranges::any_of(words.policies, [&](const ListPolicy* one) { return holds(*one); });
  };
  const bool open_domains = any_of([](const ListPolicy& one) {
    return std::ranges::any_of(one.lists_of_domains(), [](const auto* domains) {
      return std::ranges::any_of(domains->tables(), [](const auto& table) {
        return table->is_pattern() || table->is_remote();
      });
    });
  });
  const bool tells = words.recipient_permits || open_domains;
  const bool counts = any_of([](const ListPolicy& one) { return !one.allow_untrusted_routing; });
  const bool all_percent = !any_of([](const ListPolicy& one) { return !one.allow_percent_hack; });
  const std::string foreign = plain.front().one->domain;
  const std::set<std::string> own = bare_domains(words.domains);
  Addresses routed(recipients, pace);
  const auto add = [&](AddressClass members, const std::string& host) {
    const std::string domain = members.one->domain;
    members.listed = true;
    members.winding = !tells && !host.empty();
    members.exact = members.extended = false;
    members.words = host.empty() ? "other addresses with a sign of a route that is none"
                                 : words_of_route(domain);
    members.local = members.one->unquoted_local_part() + "%" + host;
    members.local_pattern.clear();
    if (domain.empty()) {
      routed.put({local_part_of(members.local), ""}, members);
    } else {
      routed.add(members.local, domain, members);
    }
  };
  for (const AddressClass& one : plain) {
    const std::string& domain = one.one->domain;
    if (!counts || domain.empty() || domain.starts_with('[')) continue;
    // At a name below a domain of ours it is that we take mail for it only without a route.
    if (!tells && !is_named(domain, own)) continue;
    // One local part for each domain, and each that has a row for the address without extension.
    if (!one.local.empty() && !one.extended) continue;
    // At a domain of ours the route is taken off, where that is wanted (add_routes_through_ours());
    // at others that we take mail for it is not.
    const bool is_local = !any_of([&](const ListPolicy& policy) {
      return policy.domain_class(domain, nullptr, reached_address()) !=
             dialect::restrictions::DomainClass::local;
    });
    if (own.contains(domain) && (!one.extended || (is_local && all_percent))) continue;
    add(one, foreign);
  }
  // A route to what is no host is not taken off, and its address is foreign.
  for (const AddressClass& one : plain) {
    const std::string& domain = one.one->domain;
    const bool is_any = one.local.empty() || one.extended;
    if (is_any && any_of([&](const ListPolicy& policy) {
          return takes_off(policy, domain, reached_address());
        })) {
      add(one, "");
    }
  }
}

}  // namespace

std::string literal_of(const IpAddress& address) {
  return (address.is_v4() ? "[" : "[ipv6:") + address.to_string() + "]";
}

Reading reading_of(const dialect::restrictions::PolicyWords& words, const std::string& delimiters) {
  Reading reading{.delimiters = {delimiters.begin(), delimiters.end()}};
  std::set<std::pair<bool, std::set<char>>> requests;
  std::set<IpAddress> addresses;
  bool everywhere = false;
  for (const auto* policy : words.policies) {
    const std::string& own = policy->recipient_delimiter;
    const bool has_requests = policy->owner_request_special && own.find('-') != std::string::npos;
    requests.insert({has_requests, {own.begin(), own.end()}});
    reading.requests |= has_requests;
    reading.origins.insert(lower(policy->myorigin));
    if (!policy->appended_domain().empty()) {
      reading.completing.insert(lower(policy->appended_domain()));
    }
    addresses.insert(policy->own_addresses.begin(), policy->own_addresses.end());
    everywhere |= policy->own_everywhere;
  }
  reading.requests = reading.requests && requests.size() > 1;
  // IPv4 first. The one that is reached only where there is no other: elsewhere it is another one.
  std::vector<IpAddress> in_order(addresses.rbegin(), addresses.rend());
  if (everywhere && in_order.empty()) in_order.push_back(reached_address());
  std::set<std::pair<bool, std::vector<bool>>> whose;
  for (const IpAddress& address : in_order) {
    const std::string literal = literal_of(address);
    const auto names_it = [&](const std::set<std::string>& keys) {
      return std::ranges::any_of(keys,
                                 [&](const std::string& key) { return key.ends_with(literal); });
    };
    // It stands for itself.
    if (names_it(words.sender_keys) || names_it(words.recipient_keys) ||
        names_it(words.mailbox_keys) || names_it(words.owned_keys) || names_it(words.domains)) {
      continue;
    }
    std::vector<bool> is_own;
    for (const auto* policy : words.policies) {
      is_own.push_back(policy->is_own(address, reached_address()));
    }
    // What is behind the lists may take one of these alone.
    if (whose.emplace(address.is_loopback(), std::move(is_own)).second) {
      reading.literals.insert(literal);
    }
  }
  return reading;
}

void add_quoted(std::vector<AddressClass>& classes, Pace& pace) {
  const std::vector<AddressClass> plain = classes;
  Addresses quoted(classes, pace);
  for (AddressClass members : plain) {
    if (!members.one || members.exact || members.read) continue;
    const std::string local = members.one->unquoted_local_part();
    const std::string domain = members.one->domain;
    const std::size_t route = local.find_first_of("%!@");
    if (!members.local.empty() && !members.extended && route == std::string::npos) continue;
    // The name that a route leaves is that of the class without a route.
    std::string more = local;
    more.insert(route == std::string::npos || local[route] == '!' ? local.size() : route, " q");
    members.quoted = true;
    members.words += " (in quotes)";
    if (!members.local.empty() && !members.extended) members.local = more;
    if (domain.empty()) {
      quoted.put({mail::quoted_local_part(more), ""}, std::move(members));
    } else {
      quoted.add(more, domain, std::move(members));
    }
  }
}

std::vector<AddressClass> senders_of(const dialect::restrictions::PolicyWords& words,
                                     const AddressKeys& told, const Reading& reading,
                                     const Taken& taken, Pace& pace) {
  std::vector<AddressClass> senders =
      addresses_of(told.keys, words.domains, told.locals, reading, taken,
                   unlike_keys(sender_spelling, taken), pace);
  const std::vector<AddressClass> plain = senders;
  add_routes_judged_otherwise(words, reading, dialect::restrictions::Subject::sender, taken,
                              sender_spelling, plain, senders, pace);
  add_routes_read_otherwise(words, taken, sender_spelling, plain, senders, pace);
  return senders;
}

std::vector<AddressClass> recipients_of(const dialect::restrictions::PolicyWords& words,
                                        const AddressKeys& told, const Reading& reading,
                                        const Taken& taken, const Spelling& spelling, Pace& pace) {
  std::vector<AddressClass> recipients =
      addresses_of(told.keys, words.domains, told.locals, reading, taken, spelling, pace);
  const std::vector<AddressClass> plain = recipients;
  const std::string foreign = plain.front().one->domain;
  add_routes_judged_otherwise(words, reading, dialect::restrictions::Subject::recipient, taken,
                              spelling, plain, recipients, pace);
  add_routes_through_ours(bare_domains(words.domains), foreign, taken, spelling, recipients, pace);
  add_routes_through_others(words, plain, recipients, pace);
  add_routes_read_otherwise(words, taken, spelling, plain, recipients, pace);
  return recipients;
}

namespace {

/// What versions read in place of the address, whose domain is not whole.
std::vector<mail::Mailbox> completions(const mail::Mailbox& address, const Reading& reading) {
  std::vector<mail::Mailbox> all;
  for (const std::string& origin : reading.origins) {
    for (const std::string& appended : reading.completing) {
      all.push_back(policy::completed(address, {origin, origin, appended}));
    }
    all.push_back(policy::completed(address, {origin, origin}));
  }
  return all;
}

}  // namespace

bool add_known(const std::vector<AddressClass>& recipients, const Reading& reading,
               const Taken& taken, const std::vector<const policy::Directory*>& directories,
               std::set<std::string>& into) {
  bool more = false;
  const auto is_known = [&](const mail::Mailbox& read, bool has_key) {
    return std::ranges::any_of(directories, [&](const policy::Directory* directory) {
      if (has_key && directory->webhook_count() == 0) return false;
      const policy::Route route = directory->resolve(read);
      if (has_key) return route.webhook && route.webhook->address == policy::address_key(read);
      return route.webhook || route.missing == policy::Route::Missing::unknown_address;
    });
  };
  const bool has_webhooks = std::ranges::any_of(
      directories, [](const policy::Directory* one) { return one->webhook_count() > 0; });
  for (const AddressClass& one : recipients) {
    const std::string& domain = one.one->domain;
    if (one.exact) continue;
    const bool has_key = domain.empty() || taken.domains.contains(lower(domain));
    bool known = !domain.empty() && is_known(*one.one, has_key);
    if (!known && has_webhooks && domain.find('.') == std::string::npos) {
      known = std::ranges::any_of(completions(*one.one, reading), [&](const mail::Mailbox& read) {
        return is_known(read, domain.empty() || taken.domains.contains(lower(read.domain)));
      });
    }
    if (known) more |= into.insert(one.one->text()).second;
  }
  return more;
}

mail::Mailbox routed_to(const mail::Mailbox& address, const AddressClass& members) {
  const std::string& like = members.one->local_part;
  const bool by_percent =
      like.find('%') != std::string::npos && like.find('@') == std::string::npos;
  const std::string local = address.unquoted_local_part();
  const char sign = by_percent && local.find_first_of("@!") == std::string::npos ? '%' : '@';
  return {local_part_of(routed_local(address, sign)), members.one->domain};
}

}  // namespace postern::plan
