#include "plan/classes.h"

#include <algorithm>
#include <array>
#include <set>

#include <fmt/format.h>

#include "base/text.h"
#include "explain/play.h"
#include "mail/local_part.h"
#include "plan/address_classes.h"
#include "plan/class_spelling.h"

namespace postern::plan {

namespace {

using AddressOctets = std::array<std::uint8_t, 16>;

AddressOctets address_octets(const IpAddress& address) {
  AddressOctets octets{};
  const std::string_view text = address.octets();
  std::transform(text.begin(), text.end(), octets.begin() + (address.is_v4() ? 12 : 0),
                 [](char c) { return static_cast<std::uint8_t>(c); });
  return octets;
}

IpAddress address_of_octets(const AddressOctets& octets, bool is_v4) {
  if (!is_v4) return IpAddress::v6(octets);
  return IpAddress::v4((std::uint32_t{octets[12]} << 24) | (std::uint32_t{octets[13]} << 16) |
                       (std::uint32_t{octets[14]} << 8) | octets[15]);
}

/// Adds a number; false: there is no such number.
bool add(AddressOctets& octets, unsigned number, bool is_v4) {
  for (int i = 15; i >= (is_v4 ? 12 : 0) && number > 0; --i) {
    const auto place = static_cast<std::size_t>(i);
    number += octets[place];
    octets[place] = static_cast<std::uint8_t>(number & 0xff);
    number >>= 8;
  }
  return number == 0;
}

/// The number before; `octets` is not 0.
void decrement(AddressOctets& octets) {
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
        ranges_.emplace_back(address_octets(range.first), address_octets(range.last));
      }
    }
    std::ranges::sort(ranges_);
  }
  bool reaches(const AddressOctets& at) {
    for (; next_ < ranges_.size() && ranges_[next_].first <= at; ++next_) {
      if (!end_ || *end_ < ranges_[next_].second) end_ = ranges_[next_].second;
    }
    return end_ && at <= *end_;
  }

 private:
  std::vector<std::pair<AddressOctets, AddressOctets>> ranges_;  ///< sorted
  std::size_t next_ = 0;                                         ///< the first that begins behind
  std::optional<AddressOctets> end_;                             ///< of those before
};

/// The classes of one family: between all ends of ranges.
void add_clients(const std::vector<AddressRange>& ranges, bool is_v4, const IpAddress& preferred,
                 std::vector<ClientClass>& clients) {
  AddressOctets lowest{};
  AddressOctets highest{};
  highest.fill(0xff);
  if (is_v4) std::fill(highest.begin(), highest.begin() + 12, 0);
  std::set<AddressOctets> starts{lowest};
  for (const AddressRange& range : ranges) {
    if (range.first.is_v4() != is_v4 || !range.first.is_known()) continue;
    starts.insert(address_octets(range.first));
    AddressOctets behind = address_octets(range.last);
    if (add(behind, 1, is_v4)) starts.insert(behind);
  }
  // The classes come in the order of their addresses, so that each list is walked once.
  Covered named(ranges, is_v4);
  const AddressOctets usual = address_octets(IpAddress::v4(0x01000000));
  for (auto start = starts.begin(); start != starts.end(); ++start) {
    const bool listed = named.reaches(*start);
    const auto next = std::next(start);
    AddressOctets last = next == starts.end() ? highest : *next;
    if (next != starts.end()) decrement(last);
    ClientClass made;
    made.first = address_of_octets(*start, is_v4);
    made.last = address_of_octets(last, is_v4);
    const AddressOctets wanted = address_octets(preferred);
    AddressOctets one = *start;
    if (*start <= wanted && wanted <= last) {
      one = wanted;
    } else {
      // An inner address, if there is one; of 0.0.0.0/8 only where all are (RFC 1122 §3.2.1.3).
      const bool begins_there = is_v4 && *start < usual && usual < last;
      for (const unsigned step : {7u, 1u}) {
        AddressOctets inner = begins_there ? usual : *start;
        if (!add(inner, step, is_v4) || inner >= last) continue;
        one = inner;
        break;
      }
    }
    made.one = address_of_octets(one, is_v4);
    if (one < last) {
      add(one, 1, is_v4);
    } else if (*start < one) {
      decrement(one);
    }
    made.other = address_of_octets(one, is_v4);
    made.stranger = !listed && !made.one.is_loopback();
    clients.push_back(made);
  }
}

IpAddress known_address(std::string_view text) {
  return IpAddress::parse(text).value_or(IpAddress());
}

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
  // All addresses: networks use 240.0.0.0/4, and a proxy in front may say any.
  std::vector<AddressRange> all = ranges;
  all.push_back({known_address("127.0.0.0"), known_address("127.255.255.255")});
  all.push_back({known_address("::1"), known_address("::1")});
  add_clients(all, true, known_address("203.0.113.77"), clients);
  add_clients(all, false, known_address("2001:db8:ffff::77"), clients);
  // The first is a stranger, one with an address of the documentation if that is none of ours.
  std::ranges::stable_sort(clients, [](const ClientClass& a, const ClientClass& b) {
    const auto rank = [](const ClientClass& one) {
      return !one.stranger ? 2 : one.one == known_address("203.0.113.77") ? 0 : 1;
    };
    return rank(a) < rank(b);
  });
  return clients;
}

namespace {

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

std::vector<NameClass> names_of(const dialect::restrictions::PolicyWords& words,
                                const Taken& taken) {
  std::vector<NameClass> classes(1);
  if (!words.asks_client_name) return classes;
  using Kind = NameClass::Kind;
  const std::set<std::string> keys = bare_domains(words.client_keys);
  std::vector<std::string> names = names_around(keys, taken, client_name_spelling);
  names.insert(names.begin(), unrelated(client_name_spelling.other, taken.domains));
  for (const std::string& name : names) {
    for (const Kind kind : {Kind::verified, Kind::unverified, Kind::unconfirmed}) {
      const std::string parent = name.substr(name.find('.') + 1);
      const bool exact = keys.contains(name);
      classes.push_back({.kind = kind,
                         .name = name,
                         .exact = exact,
                         .below = !exact && keys.contains(parent) ? parent : ""});
    }
  }
  add_names_like_networks(words, classes);
  classes.push_back({.kind = Kind::trouble, .name = {}});
  return classes;
}

std::vector<HeloClass> helo_classes(const dialect::restrictions::PolicyWords& words,
                                    const Taken& taken) {
  std::vector<HeloClass> classes;
  const std::set<std::string> helo_keys = bare_domains(words.helo_keys);
  classes.push_back(
      {.name = unrelated(helo_spelling.other, taken.domains), .words = "any other name"});
  for (const std::string& name : names_around(helo_keys, taken, helo_spelling)) {
    const bool exact = helo_keys.contains(name);
    classes.push_back({.name = name,
                       .listed = true,
                       .exact = exact,
                       .words = exact ? name : "below " + name.substr(name.find('.') + 1)});
  }
  std::set<std::string> said;
  for (const HeloClass& one : classes) said.insert(lower(one.name));
  for (const std::string& key : words.helo_keys) {
    const bool can_be_said = !key.empty() && key.find_first_of(" \t") == std::string::npos;
    if (can_be_said && said.insert(lower(key)).second) {
      classes.push_back({.name = key, .listed = true, .exact = true, .words = key});
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
    if (!forms_tell) break;
    classes.push_back(
        {.name = "a.." + key, .listed = true, .words = "below " + key + ", with two dots"});
  }
  for (auto& [name, form] : helo_forms(words.helo_keys, taken)) {
    classes.push_back({.name = std::move(name), .words = std::string(form)});
  }
  return classes;
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

/// The keys under which tables are asked about an address: the whole one, its local part, its
/// domain with and without @.
std::array<std::string, 5> look_ups(const mail::Mailbox& address) {
  const std::string local = lower(address.unquoted_local_part());
  const std::string domain = lower(address.domain);
  return {local + "@" + domain, local, "@" + domain, domain,
          mail::quoted_local_part(local) + "@" + domain};
}

/// Adds the keys of look-ups that stand for others, too.
void add_open_keys(const dialect::restrictions::PolicyWords& words, const Reading& reading,
                   Classes& classes) {
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
  for (const SessionClass& one : classes.sessions) {
    if (one.login && (one.any || !is_ascii(*one.login))) open.insert(*one.login);
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
}

}  // namespace

IpAddress reached_address() { return IpAddress::v4(0xc0000219); }

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

  classes.names = names_of(words, taken);
  classes.helos = helo_classes(words, taken);

  std::set<std::string> mailbox_locals = words.locals;
  mailbox_locals.insert({"postmaster", "mailer-daemon"});
  std::set<std::string> mailboxes;
  for (const std::string& key : words.mailbox_keys) {
    (key.find('@') == std::string::npos ? mailbox_locals : mailboxes).insert(key);
  }
  // Access tables find `""@a.example` as `@a.example`, and any `""@` as `@`.
  const auto with_no_local_part = [](std::set<std::string> keys) {
    std::set<std::string> more;
    for (const std::string& key : keys) {
      if (key.starts_with('@')) more.insert(std::string(no_local_part) + key);
    }
    keys.merge(more);
    return keys;
  };
  AddressKeys sender{.keys = with_no_local_part(words.sender_keys), .locals = {}};
  sender.keys.insert(mailboxes.begin(), mailboxes.end());
  if (words.asks_listed_sender) sender.locals = mailbox_locals;
  for (const std::string& key : words.owned_keys) {
    // Without a domain it is a mailbox of this server.
    (key.find('@') == std::string::npos ? sender.locals : sender.keys).insert(key);
  }
  const Reading reading = reading_of(words, delimiters);
  classes.origins.insert(reading.origins.begin(), reading.origins.end());
  classes.senders = senders_of(words, sender, reading, taken, pace);
  classes.senders.push_back({.one = {}, .listed = false, .words = "the null sender"});
  AddressKeys recipient{.keys = with_no_local_part(words.recipient_keys),
                        .locals = std::move(mailbox_locals)};
  recipient.keys.insert(mailboxes.begin(), mailboxes.end());
  const auto spell = [&](const Spelling& spelling) {
    classes.recipients =
        recipients_of(words, recipient, reading, taken, unlike_keys(spelling, taken), pace);
  };
  spell(recipient_spelling);
  // What remains when it is spelled otherwise stands for itself, or for its domain, alone:
  // `bob-request`, a name of one label.
  std::set<std::string> known;
  constexpr int most_spellings = 4;
  for (int tries = 0; tries < most_spellings; ++tries) {
    if (!add_known(classes.recipients, reading, taken, directories, known)) break;
    spell(unlike_all(recipient_spelling));
  }

  if (words.address_patterns) {
    add_quoted(classes.senders, pace);
    add_quoted(classes.recipients, pace);
  }

  add_open_keys(words, reading, classes);
  return classes;
}

}  // namespace postern::plan
