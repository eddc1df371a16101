#include "dialect/restrictions/matches.h"

#include <algorithm>
#include <functional>

#include <fmt/core.h>

#include "base/text.h"
#include "dialect/restrictions/key_fold.h"
#include "policy/questions/client_in.h"
#include "policy/questions/domain_below.h"

namespace postern::dialect::restrictions {

namespace questions = policy::questions;

namespace {

using Rows = std::vector<Table::Row>;

/// A file named in a list contains more elements, one or more on a line; `#` begins a comment.
Result<std::vector<Word>> words_of_file(const std::string& path, const TableSources& sources) {
  const Result<std::string> text = sources.read(path);
  if (!text) return tl::unexpected(text.error());
  std::vector<Word> words;
  std::size_t number = 0;
  for (std::string_view line : split(*text, '\n')) {
    ++number;
    line = trim(line.substr(0, line.find('#')));
    const auto more = split_words(line);
    if (!more) {
      return fail(Fault::malformed,
                  printable(path, 200) + " line " + std::to_string(number) + ": a { is not closed");
    }
    words.insert(words.end(), more->begin(), more->end());
  }
  return words;
}

/// Match::trouble; `replies`, which may be null, get the text.
Match failed_match(const Found& found, policy::Replies* replies) {
  if (replies != nullptr) replies->note_failure(found.trouble);
  return Match::trouble;
}

/// Called for each element, without its `!`, also for those of files. `quotable`: messages may show
/// it. Null text: this element cannot be read; `trouble` says why.
using Take = std::function<void(const std::string_view* text, bool negated, bool quotable)>;

void each_element(const std::vector<Word>& words, const TableSources& sources,
                  std::vector<std::string>& trouble, const Take& take, int depth = 0) {
  for (const Word& word : words) {
    std::string_view text = word.text;
    bool negated = false;
    while (text.starts_with('!')) {
      negated = !negated;
      text.remove_prefix(1);
    }
    if (text.starts_with('/') && depth < 4) {
      const std::string path(text);
      const auto inner = words_of_file(path, sources);
      if (!inner) {
        trouble.push_back(inner.error().message);
        take(nullptr, negated, sources.quotes);
        continue;
      }
      const std::size_t before = trouble.size();
      each_element(
          *inner, sources, trouble,
          [&](const std::string_view* one, bool inner_negated, bool) {
            take(one, inner_negated != negated, sources.quotes);
          },
          depth + 1);
      if (sources.quotes || trouble.size() == before) continue;
      trouble.resize(before);
      trouble.push_back(printable(path, 200) + ": an entry cannot be read");
      continue;
    }
    take(&text, negated, true);
  }
}

/// Opens the table that an element is.
template <class Element>
void take_table(Element& element, std::string_view text, const TableSources& sources,
                std::vector<std::string>& trouble) {
  auto table = open_table(text, sources);
  element.kind = table ? Element::Kind::table : Element::Kind::bad;
  if (!table) return trouble.push_back(table.error().message);
  element.table = std::move(*table);
}

/// "10.1" and the like: Postfix compares it with the whole address and never finds a match.
bool is_incomplete_address(std::string_view text) {
  return text.find_first_not_of("0123456789.") == std::string_view::npos &&
         std::count(text.begin(), text.end(), '.') < 3;
}

/// "write [2001:db8::]/32", of an IPv6 network without brackets.
std::string bracketed_network_hint(const std::string& plain) {
  const std::size_t slash = std::min(plain.find('/'), plain.size());
  return fmt::format("write [{}]{}", printable(plain.substr(0, slash), 64),
                     printable(plain.substr(slash), 8));
}

}  // namespace

bool looks_like_address(std::string_view text) {
  const bool only_those =
      std::ranges::all_of(text, [](char c) { return is_digit(c) || c == '.' || c == '/'; });
  return only_those || text.find(':') != std::string_view::npos;
}

Networks Networks::parse(const std::vector<Word>& words, const TableSources& sources,
                         std::vector<std::string>& trouble) {
  Networks made;
  const Take take = [&](const std::string_view* given, bool negated, bool quotable) {
    Element element{.negated = negated, .quotable = quotable};
    if (given == nullptr) {
      element.kind = Element::Kind::bad;
      made.elements_.push_back(std::move(element));
      return;
    }
    const std::string_view text = *given;
    const bool is_bare_network = text.find(':') != std::string_view::npos && Cidr::parse(text);
    if (is_table_spec(text) && !text.starts_with('[') && !is_bare_network) {
      take_table(element, text, sources, trouble);
      made.elements_.push_back(std::move(element));
      return;
    }
    std::string plain(text);
    const bool bracket = text.starts_with('[');
    if (bracket) {
      const std::size_t close = text.find(']');
      plain = close == std::string_view::npos
                  ? std::string()
                  : std::string(text.substr(1, close - 1)) + std::string(text.substr(close + 1));
    }
    if (bracket || looks_like_address(text)) {
      if (!bracket && is_incomplete_address(text)) return;
      const auto network = Cidr::parse(plain);
      const bool is_six = plain.find(':') != std::string::npos;
      // As measured, ::ffff:a.b.c.d matches no client: such clients appear as IPv4.
      if (network && bracket && is_six && network->network().is_v4()) return;
      // Postfix reads an IPv6 address without brackets as a table name.
      if (network && (bracket || !is_six)) {
        element.network = *network;
      } else {
        element.kind = Element::Kind::bad;
        // Postfix parses a network only when a client of its family connects; one with a colon and
        // without brackets is a table name, which it opens for every client.
        element.met_by = bracket && is_six ? Element::Family::v6
                         : is_six          ? Element::Family::any
                                           : Element::Family::v4;
        trouble.push_back(printable(text, 64) + ": " +
                          (network ? bracketed_network_hint(plain) : network.error().message));
      }
    } else {
      element.kind = Element::Kind::name;
      element.name = with_a_labels(text).value_or(lower(text));
    }
    made.elements_.push_back(std::move(element));
  };
  each_element(words, sources, trouble, take);
  made.is_plain_ = std::all_of(
      made.elements_.begin(), made.elements_.end(),
      [](const Element& one) { return one.kind == Element::Kind::network && !one.negated; });
  if (made.is_plain_) made.plain_ = CidrSet(made.networks());
  return made;
}

std::vector<Cidr> Networks::networks() const {
  std::vector<Cidr> list;
  for (const Element& one : elements_) {
    if (one.kind == Element::Kind::network && !one.negated) list.push_back(one.network);
  }
  return list;
}

std::vector<Networks::Written> Networks::written() const {
  std::vector<Written> list;
  for (const Element& one : elements_) {
    const bool shown = one.kind == Element::Kind::network && one.quotable;
    if (shown) list.push_back({one.network, one.negated});
  }
  return list;
}

std::vector<AddressClaim> Networks::claims() const {
  constexpr std::size_t most_rows = 1'000'000;
  std::vector<AddressClaim> list;
  for (const Element& one : elements_) {
    const bool in = !one.negated;
    if (one.kind == Element::Kind::network) list.push_back({range_of(one.network), in});
    if (one.kind != Element::Kind::table || !one.table->is_network()) continue;
    for (const std::string& value : one.table->values().value_or(std::vector<std::string>())) {
      for (const Table::Row& row : one.table->rows_with(value, most_rows).value_or(Rows())) {
        const auto first = IpAddress::from_text(row.key);
        const auto last = IpAddress::from_text(row.last);
        if (first && last) list.push_back({{*first, *last}, in});
      }
    }
  }
  return list;
}

bool Networks::needs_name() const {
  return std::any_of(elements_.begin(), elements_.end(),
                     [](const Element& one) { return one.kind == Element::Kind::name; });
}

std::string unread(std::string_view list, const policy::Replies& replies) {
  const std::string& why = replies.failure();
  return fmt::format("{} cannot be read{}{}", list, why.empty() ? "" : ": ", why);
}

Match Networks::contains(const IpAddress& client, const std::string* name,
                         policy::Replies* replies) const {
  // A client with an unknown address is not inside, also if the list has names or `!`.
  if (!client.is_known()) return Match::no;
  if (is_plain_) return questions::client_in(client, plain_) ? Match::yes : Match::no;
  for (const Element& one : elements_) {
    bool in = false;
    switch (one.kind) {
      case Element::Kind::bad:
        if (!one.is_met_by(client)) continue;
        return Match::trouble;
      case Element::Kind::network:
        in = questions::client_in(client, {&one.network, 1}).yes;
        break;
      case Element::Kind::name:
        if (name == nullptr) return Match::need_name;
        // mynetworks is in parent_domain_matches_subdomains: names also match their subdomains.
        in = questions::domain_below(*name, one.name);
        break;
      case Element::Kind::table: {
        const Found found = one.table->find(client.to_string(), replies);
        if (found.status == Found::Status::failed) return failed_match(found, replies);
        if (found.status == Found::Status::waiting) return Match::waiting;
        in = found.status == Found::Status::found;
        break;
      }
    }
    if (in) return one.negated ? Match::no : Match::yes;
  }
  return Match::no;
}

Domains Domains::parse(const std::vector<Word>& words, Below below, const TableSources& sources,
                       std::vector<std::string>& trouble) {
  Domains made;
  made.below_ = below;
  const Take take = [&](const std::string_view* given, bool negated, bool quotable) {
    const std::string_view text = given != nullptr ? *given : std::string_view();
    Element element{.negated = negated,
                    .quotable = quotable,
                    .name = with_a_labels(text).value_or(lower(text)),
                    .table = {}};
    if (given == nullptr) {
      element.kind = Element::Kind::bad;
    } else if (is_table_spec(text)) {
      take_table(element, text, sources, trouble);
    }
    made.elements_.push_back(std::move(element));
  };
  each_element(words, sources, trouble, take);
  made.is_plain_ = std::all_of(
      made.elements_.begin(), made.elements_.end(),
      [](const Element& one) { return one.kind == Element::Kind::name && !one.negated; });
  if (made.is_plain_) {
    for (const Element& one : made.elements_) {
      made.plain_.insert(one.name);
      made.lengths_ |= length_bit(one.name);
    }
  }
  return made;
}

std::vector<std::string> Domains::names() const {
  std::vector<std::string> list;
  for (const Element& one : elements_) {
    const bool shown = one.kind == Element::Kind::name && one.quotable;
    if (shown && !one.negated) list.push_back(one.name);
  }
  return list;
}

Match Domains::match(const Element& element, std::string_view domain,
                     policy::Replies* replies) const {
  switch (element.kind) {
    case Element::Kind::bad:
      return Match::trouble;
    case Element::Kind::name:
      if (domain == element.name) return Match::yes;
      if (below_ == Below::none) return Match::no;
      if (element.name.starts_with('.')) {
        const std::string_view above = std::string_view(element.name).substr(1);
        const bool under = domain != above && questions::domain_below(domain, above);
        return below_ == Below::dotted && under ? Match::yes : Match::no;
      }
      return below_ == Below::plain && questions::domain_below(domain, element.name) ? Match::yes
                                                                                     : Match::no;
    case Element::Kind::table:
      break;
  }
  std::string_view key = domain;
  for (bool first = true;; first = false) {
    const bool bare = first || below_ == Below::plain;
    const std::string asked = bare ? std::string(key) : "." + std::string(key);
    const Found found = element.table->find(asked, replies);
    if (found.status == Found::Status::failed) return failed_match(found, replies);
    if (found.status == Found::Status::waiting) return Match::waiting;
    if (found.status == Found::Status::found) return Match::yes;
    const std::size_t dot = key.find('.');
    if (below_ == Below::none || element.table->is_pattern() || dot == std::string_view::npos) {
      return Match::no;
    }
    key.remove_prefix(dot + 1);
  }
}

Match Domains::contains(std::string_view given, policy::Replies* replies) const {
  if (elements_.empty()) return Match::no;
  // Most domains are in lower case already.
  const bool as_given = is_folded(given);
  const std::string lowered = as_given ? std::string() : lower(given);
  const std::string_view domain = as_given ? given : std::string_view(lowered);
  if (is_plain_) {
    if (has_plain(domain)) return Match::yes;
    if (below_ == Below::none) return Match::no;
    for (std::size_t dot = domain.find('.'); dot != std::string::npos;
         dot = domain.find('.', dot + 1)) {
      if (has_plain(domain.substr(below_ == Below::plain ? dot + 1 : dot))) return Match::yes;
    }
    return Match::no;
  }
  for (const Element& one : elements_) {
    const Match found = match(one, domain, replies);
    if (found == Match::trouble || found == Match::waiting) return found;
    if (found == Match::yes) return one.negated ? Match::no : Match::yes;
  }
  return Match::no;
}

Maps Maps::parse(const std::vector<Word>& words, const TableSources& sources,
                 std::vector<std::string>& trouble) {
  Maps made;
  for (const Word& word : words) {
    auto table = open_table(word.text, sources);
    if (table) {
      made.tables_.push_back(*table);
    } else {
      trouble.push_back(table.error().message);
      made.tables_.push_back(failing_table(word.text, table.error().message));
    }
  }
  return made;
}

bool Maps::has_named_keys() const {
  return std::ranges::all_of(tables_, [](const auto& table) {
    const auto values = table->values();
    return values && (values->empty() || !table->is_pattern() || table->is_network());
  });
}

Found Maps::find(const std::vector<std::string>& keys, policy::Replies* replies) const {
  for (const std::string& key : keys) {
    for (const auto& table : tables_) {
      if (table->is_pattern() && &key != &keys.front()) continue;
      Found found = table->find(key, replies);
      if (found.status != Found::Status::absent) return found;
    }
  }
  return {};
}

std::vector<std::shared_ptr<const Table>> Networks::tables() const {
  std::vector<std::shared_ptr<const Table>> tables;
  for (const Element& element : elements_) {
    if (element.table && !element.table->is_network()) tables.push_back(element.table);
  }
  return tables;
}

std::string Networks::content() const {
  std::string text;
  for (const Element& one : elements_) {
    text += fmt::format("{:d}{:d}{:d} {} {} {}\n", static_cast<int>(one.kind), one.negated,
                        static_cast<int>(one.met_by), one.network.to_string(), one.name,
                        one.table ? one.table->name() : "");
    if (one.table && one.table->is_network()) text += one.table->content();
  }
  return text;
}

std::vector<std::string> Networks::names() const {
  std::vector<std::string> names;
  for (const Element& element : elements_) {
    if (element.kind == Element::Kind::name) names.push_back(element.name);
  }
  return names;
}

std::string Domains::content() const {
  std::string text;
  for (const Element& one : elements_) {
    text += fmt::format("{:d}{:d} {} {}\n", static_cast<int>(one.kind), one.negated, one.name,
                        one.table ? one.table->name() : "");
  }
  return text;
}

std::vector<std::string> Domains::all_names() const {
  std::vector<std::string> names;
  for (const Element& element : elements_) {
    if (element.kind == Element::Kind::name) names.push_back(element.name);
  }
  return names;
}

std::vector<std::shared_ptr<const Table>> Domains::tables() const {
  std::vector<std::shared_ptr<const Table>> tables;
  for (const Element& element : elements_) {
    if (element.table) tables.push_back(element.table);
  }
  return tables;
}

}  // namespace postern::dialect::restrictions
