#include "plan/classes.h"

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>

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

using Octets = std::array<std::uint8_t, 16>;

Octets octets_of(const IpAddress& address) {
  Octets octets{};
  const std::string_view text = address.octets();
  std::transform(text.begin(), text.end(), octets.begin() + (address.is_v4() ? 12 : 0),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return octets;
}

IpAddress address_of(const Octets& octets, bool is_v4) {
  if (!is_v4) return IpAddress::v6(octets);
  return IpAddress::v4((std::uint32_t{octets[12]} << 24) | (std::uint32_t{octets[13]} << 16) |
                       (std::uint32_t{octets[14]} << 8) | octets[15]);
}

/// Adds a number; false: there is no such number.
bool add(Octets& octets, unsigned number, bool is_v4) {
  for (int i = 15; i >= (is_v4 ? 12 : 0) && number > 0; --i) {
    const auto place = static_cast<std::size_t>(i);
    number += octets[place];
    octets[place] = static_cast<std::uint8_t>(number & 0xff);
    number >>= 8;
  }
  return number == 0;
}

/// The number before; `octets` is not 0.
void decrement(Octets& octets) {
  for (int i = 15; i >= 0; --i) {
    if (octets[static_cast<std::size_t>(i)]-- != 0) return;
  }
}

/// Whether addresses that are asked in rising order are in a range.
class Covered {
 public:
  Covered(const std::vector<AddressRange>& ranges, bool is_v4) {
    for (const AddressRange& range : ranges) {
      if (range.first.is_known() && range.first.is_v4() == is_v4) {
        ranges_.emplace_back(octets_of(range.first), octets_of(range.last));
      }
    }
    std::ranges::sort(ranges_);
  }
  bool reaches(const Octets& at) {
    for (; next_ < ranges_.size() && ranges_[next_].first <= at; ++next_) {
      if (!end_ || *end_ < ranges_[next_].second) end_ = ranges_[next_].second;
    }
    return end_ && at <= *end_;
  }

 private:
  std::vector<std::pair<Octets, Octets>> ranges_;  ///< sorted
  std::size_t next_ = 0;                           ///< the first that begins behind
  std::optional<Octets> end_;                      ///< of those before
};

/// The classes of one family: between all ends of ranges.
void add_clients(const std::vector<AddressRange>& ranges, bool is_v4,
                 const std::vector<AddressRange>& impossible, const IpAddress& preferred,
                 std::vector<ClientClass>& clients) {
  Octets lowest{};
  Octets highest{};
  highest.fill(0xff);
  if (is_v4) std::fill(highest.begin(), highest.begin() + 12, 0);
  std::set<Octets> starts{lowest};
  const auto cut = [&](const AddressRange& range) {
    if (range.first.is_v4() != is_v4 || !range.first.is_known()) return;
    starts.insert(octets_of(range.first));
    Octets behind = octets_of(range.last);
    if (add(behind, 1, is_v4)) starts.insert(behind);
  };
  std::ranges::for_each(ranges, cut);
  std::ranges::for_each(impossible, cut);
  // The classes come in the order of their addresses, so that each list is walked once.
  Covered named(ranges, is_v4);
  Covered never(impossible, is_v4);
  for (auto start = starts.begin(); start != starts.end(); ++start) {
    const bool listed = named.reaches(*start);
    if (never.reaches(*start)) continue;
    const auto next = std::next(start);
    Octets last = next == starts.end() ? highest : *next;
    if (next != starts.end()) decrement(last);
    ClientClass made;
    made.first = address_of(*start, is_v4);
    made.last = address_of(last, is_v4);
    const Octets wanted = octets_of(preferred);
    Octets one = *start;
    if (*start <= wanted && wanted <= last) {
      one = wanted;
    } else {
      for (const unsigned step : {7u, 1u}) {  // an inner address, if there is one
        Octets inner = *start;
        if (!add(inner, step, is_v4) || inner >= last) continue;
        one = inner;
        break;
      }
    }
    made.one = address_of(one, is_v4);
    if (one < last) {
      add(one, 1, is_v4);
    } else if (*start < one) {
      decrement(one);
    }
    made.other = address_of(one, is_v4);
    made.stranger = !listed && !made.one.is_loopback();
    clients.push_back(made);
  }
}

IpAddress ip(std::string_view text) { return IpAddress::parse(text).value_or(IpAddress()); }

}  // namespace

std::string words_of(const ClientClass& clients) {
  if (clients.first == clients.last) return clients.first.to_string();
  for (int prefix = clients.first.bits() - 1; prefix >= 0; --prefix) {
    const Cidr network(clients.first, prefix);
    const AddressRange all = range_of(network);
    if (all.first != clients.first) break;
    if (all.last == clients.last) return network.to_string();
  }
  return clients.first.to_string() + " to " + clients.last.to_string();
}

std::vector<ClientClass> clients_of(const std::vector<AddressRange>& ranges) {
  std::vector<ClientClass> clients;
  // RFC 6890 §2.2: addresses that no TCP connection comes from.
  const std::vector<AddressRange> no_v4{{ip("0.0.0.0"), ip("0.255.255.255")},
                                        {ip("224.0.0.0"), ip("255.255.255.255")}};
  std::vector<AddressRange> v4 = ranges;
  v4.push_back({ip("127.0.0.0"), ip("127.255.255.255")});
  add_clients(v4, true, no_v4, ip("203.0.113.77"), clients);
  Octets mapped{};  // ::ffff:0:0/96 is IPv4
  mapped[10] = mapped[11] = 0xff;
  Octets mapped_last = mapped;
  std::fill(mapped_last.begin() + 12, mapped_last.end(), 0xff);
  const std::vector<AddressRange> no_v6{
      {ip("::"), ip("::")}, {ip("ff00::"), ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")}};
  std::vector<AddressRange> v6 = ranges;
  v6.push_back({ip("::1"), ip("::1")});
  add_clients(v6, false, no_v6, ip("2001:db8:ffff::77"), clients);
  // The first is a stranger, one with an address of the documentation if that is none of ours.
  std::ranges::stable_sort(clients, [](const ClientClass& a, const ClientClass& b) {
    const auto rank = [](const ClientClass& one) {
      return !one.stranger ? 2 : one.one == ip("203.0.113.77") ? 0 : 1;
    };
    return rank(a) < rank(b);
  });
  return clients;
}

namespace {

/// Whether one of the keys is the name or a parent of it.
bool is_named(const std::string& name, const std::set<std::string>& keys) {
  for (std::size_t at = 0;;) {
    if (keys.contains(name.substr(at))) return true;
    const std::size_t dot = name.find('.', at);
    if (dot == std::string::npos) return false;
    at = dot + 1;
  }
}

/// A name that is no key and below none.
std::string unrelated(const std::string& start, const std::set<std::string>& keys) {
  for (const std::string_view top : {"test", "example", "invalid", "example.net", "example.org"}) {
    std::string name = start + "." + std::string(top);
    if (!is_named(name, keys)) return name;
  }
  for (int i = 0;; ++i) {
    std::string name = start + ".t" + std::to_string(i);
    if (!is_named(name, keys)) return name;
  }
}

/// The first of these texts that is not taken.
template <class Text, class IsTaken>
std::string untaken(const Text& text, const IsTaken& is_taken) {
  for (int number = 0;; ++number) {
    std::string one = text(number);
    if (!is_taken(one)) return one;
  }
}

/// The text, and from the second on with a number.
std::string numbered(const std::string& text, int number) {
  return number == 0 ? text : text + std::to_string(number);
}

/// How one part of a dialogue spells what stands for many. Each part has texts of its own, also
/// where it has the keys of another: a question is known by its text, and one that was asked about
/// the sender has its own answer beside one about the recipient.
struct Spelling {
  std::string other;             ///< begins a domain that no key names
  std::string label;             ///< of a name below a key
  std::string plain = {};        ///< a local part at that domain
  std::string any = {};          ///< a local part elsewhere
  std::string extension = {};    ///< behind a delimiter
  std::string one_label = {};    ///< a domain of one label
  std::string number_last = {};  ///< a domain that ends in a number
  std::string literal = {};      ///< an address in the place of a domain
};
const Spelling client_name_spelling{.other = "host.fresh", .label = "c"};
const Spelling helo_spelling{.other = "mx.client",
                             .label = "k",
                             .one_label = "bare",
                             .number_last = "host.123",
                             .literal = "[192.0.2.9]"};
const Spelling sender_spelling{.other = "sender",
                               .label = "h",
                               .plain = "a",
                               .any = "x",
                               .extension = "ext",
                               .one_label = "dotless",
                               .number_last = "sender.123",
                               .literal = "[203.0.113.99]"};
const Spelling recipient_spelling{.other = "foreign",
                                  .label = "d",
                                  .plain = "b",
                                  .any = "y",
                                  .extension = "detail",
                                  .one_label = "nodots",
                                  .number_last = "foreign.123",
                                  .literal = "[203.0.113.98]"};

/// What the versions name, in whatever part of the dialogue.
struct Taken {
  std::set<std::string> domains;
  std::set<std::string> locals;
  std::set<std::string> literals;  ///< addresses in the place of a domain
};

/// The same part, spelled with texts that no key is: what a table knows by name stands for itself
/// alone.
Spelling unlike_keys(Spelling spelling, const Taken& taken) {
  // Neither alone nor completed, so as the first label of a name.
  spelling.one_label =
      untaken([&](int number) { return numbered(spelling.one_label, number); },
              [&](const std::string& one) {
                const auto completed = taken.domains.lower_bound(one + ".");
                return taken.domains.contains(one) ||
                       (completed != taken.domains.end() && completed->starts_with(one + "."));
              });
  const std::string host = spelling.number_last.substr(0, spelling.number_last.find('.'));
  spelling.number_last =
      untaken([&](int number) { return host + "." + std::to_string(123 + number); },
              [&](const std::string& one) { return is_named(one, taken.domains); });
  spelling.literal = untaken(
      [&](int number) {  // others of networks for measurements (RFC 2544)
        return number == 0 ? spelling.literal
                           : fmt::format("[198.18.{}.{}]", number / 256 % 256, number % 256);
      },
      [&](const std::string& one) { return taken.literals.contains(one); });
  if (spelling.extension.empty()) return spelling;
  const auto is_in_a_local_part = [&](const std::string& one) {
    return std::ranges::any_of(
        taken.locals, [&](const std::string& local) { return local.find(one) != local.npos; });
  };
  spelling.extension =
      untaken([&](int number) { return numbered(spelling.extension, number); }, is_in_a_local_part);
  return spelling;
}

/// The same part, spelled as nobody knows in advance who chooses addresses of webhooks.
Spelling unlike_all(Spelling spelling) {
  const std::string digits = std::to_string(std::random_device{}());
  for (std::string* text : {&spelling.other, &spelling.label, &spelling.plain, &spelling.any,
                            &spelling.extension, &spelling.one_label}) {
    *text += digits;
  }
  spelling.number_last = spelling.other + ".123";
  return spelling;
}

/// A pattern of this text alone.
std::string literal_pattern(std::string_view text) {
  std::string pattern;
  for (const char c : text) {
    if (!is_alnum(c) && static_cast<unsigned char>(c) < 0x80) pattern += '\\';
    pattern += c;
  }
  return pattern;
}
/// A local part that may be in quotes, without them.
std::string unquoted(const std::string& local) {
  return mail::Mailbox{local, ""}.unquoted_local_part();
}
/// The names below this one.
std::string below_pattern(std::string_view name) { return ".+\\." + literal_pattern(lower(name)); }

/// A name below `key` that is no key and below no longer one.
std::string below(const std::string& key, const std::set<std::string>& taken,
                  const std::string& start) {
  return untaken([&](int number) { return numbered(start, number) + "." + key; },
                 [&](const std::string& one) { return taken.contains(one); });
}

bool is_domain(const std::string& key) {
  return !key.empty() && key.find_first_of("@<> []") == std::string::npos;
}

/// Domains without their leading dots.
std::set<std::string> bare_domains(const std::set<std::string>& keys) {
  std::set<std::string> domains;
  for (const std::string& key : keys) {
    const std::string name = key.starts_with('.') ? key.substr(1) : key;
    if (is_domain(name)) domains.insert(name);
  }
  return domains;
}

/// Each key and a name below it.
std::vector<std::string> names_around(const std::set<std::string>& keys, const Taken& taken,
                                      const Spelling& spelling) {
  std::vector<std::string> names;
  for (const std::string& key : keys) {
    names.push_back(key);
    if (!IpAddress::from_text(key)) names.push_back(below(key, taken.domains, spelling.label));
  }
  return names;
}

/// Adds names that end like a network of a table about the client, where such a table finds them:
/// the row of `10.9` is that of `c.10.9`, too. One stands for all that have the same rows.
void add_names_like_networks(const dialect::restrictions::PolicyWords& words,
                             std::vector<NameClass>& names) {
  std::set<std::string> known;
  for (const NameClass& one : names) known.insert(one.name);
  std::set<std::string> rows;
  for (const std::string& key : words.network_keys) {
    for (const std::string& name : {client_name_spelling.label + "." + key, key}) {
      if (known.contains(name) || !rows.insert(words.rows_of_client(name)).second) continue;
      names.push_back({.kind = NameClass::Kind::verified, .name = name, .like_network = true});
    }
  }
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

constexpr std::size_t most_addresses = 100'000;
constexpr const char* too_many_addresses = "more than 100,000 kinds of addresses";

/// Calls `poll` every now and then.
class Pace {
 public:
  explicit Pace(const std::function<void()>& poll) : poll_(poll) {}
  void step() {
    if (poll_ && ++steps_ % poll_every == 0) poll_();
  }

 private:
  static constexpr std::size_t poll_every = 256;
  const std::function<void()>& poll_;
  std::size_t steps_ = 0;
};

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
    members.one = std::move(mailbox);
    into_.push_back(std::move(members));
  }

 private:
  std::vector<AddressClass>& into_;
  Pace& pace_;
  std::set<std::string> seen_;
};

/// A local part that none of these is.
std::string unlike(const std::string& start, const std::set<std::string>& locals) {
  return untaken([&](int number) { return numbered(start, number); },
                 [&](const std::string& one) { return locals.contains(one); });
}

/// An address in the place of a domain, in lower case (RFC 5321 §4.1.3).
std::string literal_of(const IpAddress& address) {
  return (address.is_v4() ? "[" : "[ipv6:") + address.to_string() + "]";
}

/// How the versions read addresses, beside their tables.
struct Reading {
  std::set<char> delimiters;         ///< of extensions
  bool requests = false;             ///< they differ about `bob-request`
  std::set<std::string> origins;     ///< the domains of addresses without one
  std::set<std::string> completing;  ///< what completes a domain of one label
  /// Address literals of this server that no list names: one for each set of versions whose address
  /// it is, of loopback and of the others.
  std::set<std::string> literals;
};

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
    if (domain.empty()) {
      anywhere.insert(local);
    } else {
      note_domain(domain);
      if (!local.empty()) whole.emplace_back(local, domain);
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
    AddressClass members{.listed = true,
                         .exact = is_exact(domain),
                         .local = local,
                         .below = is_exact(domain) || domain == spelling.one_label
                                      ? ""
                                      : domain.substr(domain.find('.') + 1),
                         .other_domain = domain == other,
                         .local_pattern = literal_pattern(lower(unquoted(local)))};
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
    if (always && !taken.locals.contains(local)) return;
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
      if (local.find(delimiter) != std::string::npos) continue;
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

/// Beside each class with many local parts, those of them that need quotes: tables are asked about
/// these with the quotes, too.
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
/// permit them, nor do patterns that name domains of ours (allow_untrusted_routing).
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
  if (!any_of([](const ListPolicy& one) { return !one.allow_untrusted_routing; })) return;
  const bool all_percent = !any_of([](const ListPolicy& one) { return !one.allow_percent_hack; });
  const std::string foreign = plain.front().one->domain;
  const std::set<std::string> own = bare_domains(words.domains);
  Addresses routed(recipients, pace);
  for (const AddressClass& one : plain) {
    const std::string& domain = one.one->domain;
    if (domain.empty() || domain.starts_with('[')) continue;
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
    AddressClass members = one;
    members.listed = true;
    members.winding = !tells;
    members.exact = members.extended = false;
    members.words = words_of_route(domain);
    members.local = one.one->unquoted_local_part() + "%" + foreign;
    members.local_pattern.clear();
    routed.add(members.local, domain, members);
  }
}

/// Forms of names in HELO that are no name of a host: one of each that no table names.
std::vector<std::pair<std::string, std::string_view>> helo_forms(const std::set<std::string>& keys,
                                                                 const Taken& taken) {
  const Spelling spelling = unlike_keys(helo_spelling, taken);
  const auto unnamed = [&](const std::string& usual, std::string_view pattern) {
    return untaken(
        [&](int number) {
          return number == 0 ? usual : fmt::format(fmt::runtime(pattern), 9 + number);
        },
        [&](const std::string& one) { return keys.contains(one) || is_named(one, taken.domains); });
  };
  return {{spelling.one_label, one_label_name},
          {unnamed("a..b", "a..b{}"), "a name with two dots"},
          {spelling.literal, "an address in brackets"},
          {unnamed("[192.0.2", "[192.0.{}"), "an open bracket"},
          {unnamed("192.0.2.9", "192.0.2.{}"), "an address without brackets"},
          {unnamed("1.2.3", "1.2.{}"), "numbers with dots"},
          {spelling.number_last, number_last_name},
          {unnamed("mx.client.", "mx{}.client."), "a name that ends in a dot"},
          {unnamed("192.0.2.9.", "192.0.2.{}."), "an address that ends in a dot"},
          {"", "none"}};
}

/// The keys under which tables are asked about an address: the whole one, its local part, its
/// domain with and without @.
std::array<std::string, 5> look_ups(const mail::Mailbox& address) {
  const std::string local = lower(address.unquoted_local_part());
  const std::string domain = lower(address.domain);
  return {local + "@" + domain, local, "@" + domain, domain,
          mail::quoted_local_part(local) + "@" + domain};
}

Taken taken_by(const dialect::restrictions::PolicyWords& words, Pace& pace) {
  Taken taken;
  for (const std::set<std::string>* keys :
       {&words.client_keys, &words.helo_keys, &words.sender_keys, &words.recipient_keys,
        &words.domains, &words.mailbox_keys, &words.owned_keys, &words.locals}) {
    for (const std::string& key : *keys) {
      pace.step();
      const std::size_t at = key.rfind('@');
      taken.locals.insert(key.substr(0, at));
      const std::string domain = at == std::string::npos ? key : key.substr(at + 1);
      if (domain.starts_with('[')) taken.literals.insert(lower(domain));
      const std::string name = domain.starts_with('.') ? domain.substr(1) : domain;
      if (is_domain(name)) taken.domains.insert(name);
    }
  }
  for (const auto* policy : words.policies) {
    for (const IpAddress& own : policy->own_addresses) {
      taken.literals.insert(literal_of(own));
    }
  }
  return taken;
}

std::vector<AddressClass> recipients_of(const dialect::restrictions::PolicyWords& words,
                                        const std::set<std::string>& keys,
                                        const std::set<std::string>& locals, const Reading& reading,
                                        const Taken& taken, const Spelling& spelling, Pace& pace) {
  std::vector<AddressClass> recipients =
      addresses_of(keys, words.domains, locals, reading, taken, spelling, pace);
  const std::vector<AddressClass> plain = recipients;
  const std::string foreign = plain.front().one->domain;
  add_routes_judged_otherwise(words, reading, dialect::restrictions::Subject::recipient, taken,
                              spelling, plain, recipients, pace);
  add_routes_through_ours(bare_domains(words.domains), foreign, taken, spelling, recipients, pace);
  add_routes_through_others(words, plain, recipients, pace);
  add_routes_read_otherwise(words, taken, spelling, plain, recipients, pace);
  return recipients;
}

/// Adds those that are a webhook's own address, or at a domain of webhooks that no key names: the
/// others that they stand for go elsewhere. Whether there are any that it did not have.
bool add_known(const std::vector<AddressClass>& recipients, const Taken& taken,
               const std::vector<const policy::Directory*>& directories,
               std::set<std::string>& into) {
  bool more = false;
  for (const AddressClass& one : recipients) {
    const std::string& domain = one.one->domain;
    if (one.exact || domain.empty()) continue;
    const bool has_key = taken.domains.contains(lower(domain));
    for (const policy::Directory* directory : directories) {
      if (has_key && directory->webhook_count() == 0) continue;
      const policy::Route route = directory->resolve(*one.one);
      const bool is_own = route.webhook && route.webhook->address == policy::address_key(*one.one);
      const bool is_in_theirs =
          route.webhook || route.missing == policy::Route::Missing::unknown_address;
      if (has_key ? is_own : is_in_theirs) more |= into.insert(one.one->text()).second;
    }
  }
  return more;
}

}  // namespace

IpAddress reached_address() { return IpAddress::v4(0xc0000219); }

mail::Mailbox routed_to(const mail::Mailbox& address, const AddressClass& members) {
  const std::string& like = members.one->local_part;
  const bool by_percent =
      like.find('%') != std::string::npos && like.find('@') == std::string::npos;
  const std::string local = address.unquoted_local_part();
  const char sign = by_percent && local.find_first_of("@!") == std::string::npos ? '%' : '@';
  return {local_part_of(routed_local(address, sign)), members.one->domain};
}

std::size_t Classes::count(Axis axis) const {
  switch (axis) {
    case Axis::session:
      return sessions.size();
    case Axis::client:
      return clients.size();
    case Axis::name:
      return names.size();
    case Axis::helo:
      return helos.size();
    case Axis::sender:
      return senders.size();
    case Axis::recipient:
      return recipients.size();
    case Axis::early:
      break;
  }
  return early;
}

std::string_view words_of(const DialogueText& text) {
  constexpr std::string_view sender[] = {"the sender", "the local part of the sender",
                                         "@ and the sender's domain", "the sender's domain",
                                         "the sender in quotes"};
  constexpr std::string_view recipient[] = {"the recipient", "the local part of the recipient",
                                            "@ and the recipient's domain",
                                            "the recipient's domain", "the recipient in quotes"};
  switch (text.axis) {
    case Axis::client:
      return "the client's address";
    case Axis::name:
      return "the client's name";
    case Axis::helo:
      return "the name in HELO";
    case Axis::sender:
      return sender[static_cast<std::size_t>(text.part)];
    case Axis::recipient:
      return recipient[static_cast<std::size_t>(text.part)];
    case Axis::session:
    case Axis::early:
      break;
  }
  return "the login";
}

std::optional<DialogueText> Classes::text_of(Axis axis, std::size_t value,
                                             std::string_view key) const {
  const auto whole_if = [axis](bool is) {
    return is ? std::optional(DialogueText{.axis = axis}) : std::nullopt;
  };
  const auto of_address = [&](const AddressClass& members) -> std::optional<DialogueText> {
    if (!members.one) return std::nullopt;
    const std::array<std::string, 5> texts = look_ups(members.read.value_or(*members.one));
    const auto found = std::ranges::find(texts, key);
    if (found == texts.end()) return std::nullopt;
    return DialogueText{.axis = axis,
                        .part = static_cast<DialogueText::Part>(found - texts.begin())};
  };
  switch (axis) {
    case Axis::client:
      return whole_if(key == clients[value].one.to_string());
    case Axis::name:
      return whole_if(key == names[value].name);
    case Axis::helo:
      return whole_if(key == lower(helos[value].name));
    case Axis::sender:
      return of_address(senders[value]);
    case Axis::recipient:
      return of_address(recipients[value]);
    case Axis::session:
      return whole_if(key == sessions[value].login);
    case Axis::early:
      break;
  }
  return std::nullopt;
}

std::optional<std::string> Classes::completed_as(Axis axis, std::size_t value,
                                                 std::string_view key) const {
  if (axis != Axis::sender && axis != Axis::recipient) return std::nullopt;
  const AddressClass& members = (axis == Axis::sender ? senders : recipients)[value];
  const std::size_t sign = key.rfind('@');
  const bool completed = members.one && members.one->domain.empty() && !members.winding;
  if (!completed || sign == std::string_view::npos) return std::nullopt;
  if (!origins.contains(lower(key.substr(sign + 1)))) return std::nullopt;
  return ".*" + literal_pattern(lower(key.substr(sign)));
}

std::string Classes::pattern_of(const DialogueText& text, std::size_t value) const {
  using Part = DialogueText::Part;
  const auto or_any = [](const std::string& pattern) { return pattern.empty() ? ".*" : pattern; };
  switch (text.axis) {
    case Axis::client:
      return clients[value].one.is_v4() ? "[0-9.]+" : "[0-9a-f:.]+";
    case Axis::helo: {
      const HeloClass& one = helos[value];
      if (one.exact) return literal_pattern(lower(one.name));
      if (!one.listed) return ".*";
      return below_pattern(one.name.substr(one.name.find_first_not_of('.', one.name.find('.'))));
    }
    case Axis::sender:
    case Axis::recipient: {
      const AddressClass& one = (text.axis == Axis::sender ? senders : recipients)[value];
      // Letters that are not of ASCII have other spellings.
      const std::string local = is_ascii(one.local_pattern) ? or_any(one.local_pattern) : ".*";
      const std::string domain = one.domain_pattern.empty() ? "[^@]*" : one.domain_pattern;
      return text.part == Part::whole       ? local + "@" + domain
             : text.part == Part::local     ? local
             : text.part == Part::at_domain ? "@" + domain
             : text.part == Part::quoted    ? "\".*\"@" + domain
                                            : domain;
    }
    case Axis::session: {
      const SessionClass& one = sessions[value];
      return one.any || !one.login || !is_ascii(*one.login) ? ".*"
                                                            : literal_pattern(lower(*one.login));
    }
    case Axis::name:
    case Axis::early:
      break;
  }
  return ".*";
}

ServedSessions either(const ServedSessions& one, const ServedSessions& other) {
  return {.clear = one.clear || other.clear,
          .tls = one.tls || other.tls,
          .login = one.login || other.login,
          .login_in_clear = one.login_in_clear || other.login_in_clear,
          .implicit_tls = one.implicit_tls || other.implicit_tls};
}

bool serves(const ServedSessions& served, const SessionClass& session) {
  const bool login = served.login && (session.tls || served.login_in_clear);
  return (session.tls ? served.tls : served.clear) && (!session.login || login);
}

std::vector<SessionClass> sessions_of(const ServedSessions& served, bool told,
                                      const std::vector<std::string>& logins) {
  std::vector<SessionClass> sessions;
  if (served.clear) sessions.push_back({});
  if (served.tls && (told || !served.clear)) sessions.push_back({.tls = true, .login = {}});
  for (const std::string& login : logins) {
    if (!served.login) break;
    if (served.tls) sessions.push_back({.tls = true, .login = login});
    if (served.login_in_clear) sessions.push_back({.tls = false, .login = login});
  }
  return sessions;
}

Classes classes_of(const dialect::restrictions::PolicyWords& words, const std::string& delimiters,
                   const ServedSessions& served, const std::function<void()>& poll,
                   const std::vector<const policy::Directory*>& directories) {
  for (const auto* keys : {&words.sender_keys, &words.recipient_keys}) {
    if (keys->size() > most_addresses) throw TooManyClasses(too_many_addresses);
  }
  Pace pace(poll);
  Classes classes;
  std::string any = "alice";
  std::vector<std::string> logins;
  if (words.asks_login) {
    while (words.logins.contains(any)) any += "1";
    logins.push_back(any);
    logins.insert(logins.end(), words.logins.begin(), words.logins.end());
  }
  classes.implicit_tls = served.implicit_tls;
  classes.sessions = sessions_of(served, words.asks_tls || words.asks_login, logins);
  for (SessionClass& one : classes.sessions) one.any = one.login == any;
  const Taken taken = taken_by(words, pace);
  classes.clients = clients_of(words.clients);
  if (words.asks_early) classes.early = app::early_words.size();

  classes.names.push_back({});
  if (words.asks_client_name) {
    using Kind = NameClass::Kind;
    const std::set<std::string> keys = bare_domains(words.client_keys);
    std::vector<std::string> names = names_around(keys, taken, client_name_spelling);
    names.insert(names.begin(), unrelated(client_name_spelling.other, taken.domains));
    for (const std::string& name : names) {
      for (const Kind kind : {Kind::verified, Kind::unverified, Kind::unconfirmed}) {
        const std::string parent = name.substr(name.find('.') + 1);
        const bool exact = keys.contains(name);
        classes.names.push_back({.kind = kind,
                                 .name = name,
                                 .exact = exact,
                                 .below = !exact && keys.contains(parent) ? parent : ""});
      }
    }
    add_names_like_networks(words, classes.names);
    classes.names.push_back({.kind = Kind::trouble, .name = {}});
  }

  const std::set<std::string> helo_keys = bare_domains(words.helo_keys);
  classes.helos.push_back(
      {.name = unrelated(helo_spelling.other, taken.domains), .words = "any other name"});
  for (const std::string& name : names_around(helo_keys, taken, helo_spelling)) {
    const bool exact = helo_keys.contains(name);
    classes.helos.push_back({.name = name,
                             .listed = true,
                             .exact = exact,
                             .words = exact ? name : "below " + name.substr(name.find('.') + 1)});
  }
  std::set<std::string> said;
  for (const HeloClass& one : classes.helos) said.insert(lower(one.name));
  for (const std::string& key : words.helo_keys) {
    const bool can_be_said = !key.empty() && key.find_first_of(" \t") == std::string::npos;
    if (can_be_said && said.insert(lower(key)).second) {
      classes.helos.push_back({.name = key, .listed = true, .exact = true, .words = key});
    }
  }
  // A table has a name below its key whatever its form is.
  const bool forms_tell = std::ranges::any_of(words.policies, [](const auto* policy) {
    return std::ranges::any_of(policy->used, [](const auto* keyword) {
      return keyword->subject == dialect::restrictions::Subject::helo &&
             keyword->kind == dialect::restrictions::Keyword::Class::reject;
    });
  });
  for (const std::string& key : helo_keys) {
    if (!forms_tell || IpAddress::from_text(key)) continue;
    classes.helos.push_back(
        {.name = "a.." + key, .listed = true, .words = "below " + key + ", with two dots"});
  }
  for (auto& [name, form] : helo_forms(words.helo_keys, taken)) {
    classes.helos.push_back({.name = std::move(name), .words = std::string(form)});
  }

  std::set<std::string> mailbox_locals = words.locals;
  mailbox_locals.insert({"postmaster", "mailer-daemon"});
  std::set<std::string> mailboxes;
  for (const std::string& key : words.mailbox_keys) {
    (key.find('@') == std::string::npos ? mailbox_locals : mailboxes).insert(key);
  }
  std::set<std::string> sender_keys = words.sender_keys;
  sender_keys.insert(mailboxes.begin(), mailboxes.end());
  std::set<std::string> sender_locals;
  if (words.asks_listed_sender) sender_locals = mailbox_locals;
  for (const std::string& key : words.owned_keys) {
    // Without a domain it is a mailbox of this server.
    (key.find('@') == std::string::npos ? sender_locals : sender_keys).insert(key);
  }
  using dialect::restrictions::Subject;
  const Reading reading = reading_of(words, delimiters);
  classes.origins.insert(reading.origins.begin(), reading.origins.end());
  classes.senders = addresses_of(sender_keys, words.domains, sender_locals, reading, taken,
                                 unlike_keys(sender_spelling, taken), pace);
  const std::vector<AddressClass> plain_senders = classes.senders;
  add_routes_judged_otherwise(words, reading, Subject::sender, taken, sender_spelling,
                              plain_senders, classes.senders, pace);
  add_routes_read_otherwise(words, taken, sender_spelling, plain_senders, classes.senders, pace);
  classes.senders.push_back({.one = {}, .listed = false, .words = "the null sender"});
  std::set<std::string> recipient_keys = words.recipient_keys;
  recipient_keys.insert(mailboxes.begin(), mailboxes.end());
  const auto spell = [&](const Spelling& spelling) {
    classes.recipients = recipients_of(words, recipient_keys, mailbox_locals, reading, taken,
                                       unlike_keys(spelling, taken), pace);
  };
  spell(recipient_spelling);
  // What remains when it is spelled otherwise stands for itself alone: `bob-request`.
  std::set<std::string> known;
  while (add_known(classes.recipients, taken, directories, known)) {
    spell(unlike_all(recipient_spelling));
  }

  if (words.address_patterns) {
    add_quoted(classes.senders, pace);
    add_quoted(classes.recipients, pace);
  }

  auto& open = classes.open_keys;
  for (const ClientClass& one : classes.clients) {
    if (one.first != one.last) open.insert(one.one.to_string());
  }
  for (const NameClass& one : classes.names) {
    if (!one.name.empty() && !one.exact) open.insert(one.name);
  }
  for (const HeloClass& one : classes.helos) {
    if (!one.name.empty() && !one.exact) open.insert(lower(one.name));
  }
  for (const std::string& login : logins) {
    if (login == any || !is_ascii(login)) open.insert(login);
  }
  for (const auto* addresses : {&classes.senders, &classes.recipients}) {
    for (const AddressClass& one : *addresses) {
      // What is read in place of an address is open where it stands for others itself.
      if (!one.one || one.read) continue;
      const auto [whole, local, at_domain, domain, quoted] = look_ups(*one.one);
      if (one.exact && is_ascii(local)) continue;
      open.insert({whole, local, quoted});
      for (const std::string& origin : reading.origins) {
        if (domain.empty()) open.insert({local + "@" + origin, quoted + origin});
      }
      if (!one.exact && !words.domains.contains(domain)) open.insert({at_domain, domain});
      if (domain.find('.') != std::string::npos || domain.starts_with('[')) continue;
      for (const std::string& parent : reading.completing) {
        const std::string completed = domain + "." + parent;
        open.insert(local + "@" + completed);
        if (!words.domains.contains(completed)) open.insert({"@" + completed, completed});
      }
    }
  }
  return classes;
}

}  // namespace postern::plan
