#include "dialect/restrictions/lint_candidates.h"

#include <algorithm>
#include <set>

#include "base/text.h"
#include "dialect/restrictions/lint_model.h"
#include "mail/address.h"

namespace postern::dialect::restrictions {

namespace {

/// Rows that are tried, for one value and for all values of a table.
constexpr std::size_t rows_a_value = 6;
constexpr std::size_t rows_a_table = 24;
/// The most candidates of one kind that the search for a dialogue uses.
constexpr std::size_t most_candidates = 600;
/// Nesting of lists, as in the evaluation.
constexpr int deepest_list = 100;

/// A name that an exact key of a table of names matches.
std::string name_of_key(std::string_view key) {
  if (key.starts_with('.')) return "host" + std::string(key);
  const bool single = key.find('.') == std::string_view::npos;
  return (single ? "host." : "") + std::string(key);
}

class CandidateCollector {
 public:
  explicit CandidateCollector(const ListPolicy& policy) : policy_(policy) {}

  Candidates run() {
    basics();
    for (const List& list : policy_.lists) visit(list);
    drop_what_is_inside();
    return std::move(all_);
  }

 private:
  void add(std::vector<std::string>& list, std::string one) {
    if (list.size() >= most_candidates) return;
    if (std::find(list.begin(), list.end(), one) != list.end()) return;
    if (!quotable_) all_.hidden.insert(one);
    list.push_back(std::move(one));
  }

  void basics() {
    const auto swallowed = swallowed_stranger(policy_);
    all_.swallowed = swallowed.has_value();
    if (swallowed) all_.clients.push_back(*swallowed);
    for (const char* text : {"192.0.2.10", "198.51.100.77", "203.0.113.200", "2001:db8:77::a"}) {
      all_.clients.push_back(*IpAddress::parse(text));
    }
    for (std::uint32_t first = 1; first < 224; ++first) {
      if (first == 10 || first == 127) continue;
      all_.elsewhere.push_back(IpAddress::v4(first << 24 | 0x00a35b4d));
    }
    for (const char* text : {"2600:77::a", "2a00:77::a", "2400:77::a"}) {
      all_.elsewhere.push_back(*IpAddress::parse(text));
    }
    all_.client_names = {"mail.stranger.example", ""};
    all_.listed_names = all_.client_names.size();
    all_.helos = {"mail.stranger.example"};
    if (!policy_.helo_required) all_.helos.emplace_back();
    all_.senders = {"someone@stranger.example", ""};
    all_.services = {"DUNNO", "OK"};
    all_.listeners = {""};
    for (const char* text : {"victim@foreign.example", "q7-probe@elsewhere.test",
                             "an.address@far-away.invalid", "zz9@host.example.net"}) {
      add_recipient(text);
    }
    all_.anywhere = all_.recipients;
  }

  void add_recipient(const std::string& text) {
    const std::size_t at = text.rfind('@');
    const bool plain = text.find_first_of("%!\"\\") == std::string::npos && text.find('@') == at;
    if (!plain || is_ours(policy_.domain_class(lower(text.substr(at + 1))))) return;
    add(all_.recipients, text);
  }

  /// Visits each list once, even if several rules name it.
  void visit(const List& list) {
    if (depth_ == deepest_list || !seen_.insert(&list).second) return;
    ++depth_;
    for (const Rule& rule : list) {
      if (rule.list) visit(*rule.list);
      if (rule.keyword == nullptr || !rule.table || !rule.actions) continue;
      visit_table(rule);
    }
    --depth_;
  }

  void visit_table(const Rule& rule) {
    std::size_t taken = 0;
    for (const auto& [value, action] : *rule.actions) {
      if (action.list) visit(*action.list);
      const Can says = can_say(policy_, action, anybody_);
      if ((!says.permit && !says.pass) || taken >= rows_a_table) continue;
      const auto rows = rule.table->rows_with(value, rows_a_value);
      if (!rows) continue;
      quotable_ = policy_.may_quote(*rule.table);
      for (const Table::Row& row : *rows) take(rule, row);
      quotable_ = true;
      taken += rows->size();
    }
  }

  void take(const Rule& rule, const Table::Row& row) {
    const bool is_pattern = rule.table->is_pattern() && !rule.table->is_network();
    const std::string key = is_pattern ? sample_of_pattern(row.key) : row.key;
    switch (rule.keyword->subject) {
      case Subject::client:
      case Subject::reverse_client:
        take_client(key, is_pattern);
        break;
      case Subject::helo:
        add(all_.helos, is_pattern || key.find('.') != 0 ? key : name_of_key(key));
        break;
      case Subject::sender:
        take_sender(key, is_pattern);
        break;
      case Subject::recipient:
        take_recipient(key, is_pattern);
        break;
      case Subject::listener:
        add(all_.listeners, key);
        break;
      default:
        break;
    }
  }

  void take_client(const std::string& key, bool is_pattern) {
    std::string text = key;
    for (int i = 0; i < 4; ++i, text += ".1") {
      const auto address = IpAddress::parse(text);
      if (!address) continue;
      if (all_.clients.size() >= most_candidates) return;
      all_.clients.push_back(*address);
      if (!quotable_) all_.hidden.insert(address->to_string());
      return;
    }
    if (key != "unknown") add(all_.client_names, is_pattern ? key : name_of_key(key));
  }

  void take_sender(const std::string& key, bool is_pattern) {
    if (key == policy_.null_access_lookup_key) return;
    const std::size_t at = key.rfind('@');
    if (at == std::string::npos) {
      add(all_.senders, "someone@" + (is_pattern ? key : name_of_key(key)));
    } else {
      add(all_.senders, at + 1 == key.size() ? key + "stranger.example" : key);
    }
  }

  void take_recipient(const std::string& key, bool is_pattern) {
    const std::size_t at = key.rfind('@');
    if (at == std::string::npos) {
      if (!key.starts_with('.')) add_recipient("someone@" + key);
      if (!is_pattern) add_recipient("someone@host" + (key.starts_with('.') ? key : "." + key));
    } else {
      add_recipient(at + 1 == key.size() ? key + "foreign.example" : key);
    }
  }

  /// Unknown clients are outside mynetworks, by address and by name.
  void drop_what_is_inside() {
    const auto inside = [this](const IpAddress& client, const std::string& name) {
      return policy_.mynetworks.contains(client, &name) == Match::yes;
    };
    if (all_.swallowed) return;
    const std::string nameless;
    std::erase_if(all_.clients, [&](const IpAddress& one) { return inside(one, nameless); });
    std::erase_if(all_.elsewhere, [&](const IpAddress& one) { return inside(one, nameless); });
    if (all_.clients.empty()) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < all_.client_names.size(); ++i) {
      const std::string& name = all_.client_names[i];
      if (!name.empty() && inside(all_.clients.front(), name)) continue;
      kept += i < all_.listed_names ? 1 : 0;
    }
    all_.listed_names = kept;
    std::erase_if(all_.client_names, [&](const std::string& name) {
      return !name.empty() && inside(all_.clients.front(), name);
    });
  }

  const ListPolicy& policy_;
  Candidates all_;
  const Moment anybody_;
  bool quotable_ = true;  ///< of the candidate that is being added
  std::set<const List*> seen_;
  int depth_ = 0;  ///< nesting of the list that is being visited
};

/// Reads one atom of a pattern and its quantifier.
class Sampler {
 public:
  explicit Sampler(std::string_view pattern) : rest_(pattern) {}

  std::string run() {
    std::string text = alternatives();
    return text;
  }

 private:
  /// The first alternative; the others are skipped.
  std::string alternatives() {
    std::string first = sequence();
    while (rest_.starts_with('|')) {
      rest_.remove_prefix(1);
      sequence();
    }
    return first;
  }

  std::string sequence() {
    std::string text;
    while (!rest_.empty() && rest_[0] != '|' && rest_[0] != ')') {
      const std::string one = atom();
      for (std::size_t times = repeats(); times > 0; --times) text += one;
    }
    return text;
  }

  std::string atom() {
    const char c = rest_[0];
    rest_.remove_prefix(1);
    switch (c) {
      case '^':
      case '$':
        return {};
      case '.':
        return "x";
      case '[':
        return bracket();
      case '(':
        return group();
      case '\\':
        return escaped();
      default:
        return std::string(1, c);
    }
  }

  std::string group() {
    if (rest_.starts_with("?:")) rest_.remove_prefix(2);
    std::string text = alternatives();
    if (rest_.starts_with(')')) rest_.remove_prefix(1);
    return text;
  }

  std::string escaped() {
    if (rest_.empty()) return {};
    const char c = rest_[0];
    rest_.remove_prefix(1);
    if (c == 'd') return "1";
    if (c == 'w' || c == 'S') return "x";
    if (c == 's') return " ";
    return c == 'b' || c == 'A' || c == 'Z' || c == 'z' ? std::string() : std::string(1, c);
  }

  std::string bracket() {
    const bool negated = rest_.starts_with('^');
    if (negated) rest_.remove_prefix(1);
    const std::size_t close = std::min(rest_.find(']', 1), rest_.size());
    const std::string_view members = rest_.substr(0, close);
    rest_.remove_prefix(std::min(close + 1, rest_.size()));
    if (!negated) return members.starts_with("[:") ? "a" : std::string(members.substr(0, 1));
    for (const char c : {'x', '7', '-', 'q'}) {
      if (members.find(c) == std::string_view::npos) return std::string(1, c);
    }
    return "k";
  }

  /// The fewest repetitions that are allowed, or one if none is: longer texts are likelier to be
  /// names.
  std::size_t repeats() {
    if (rest_.empty()) return 1;
    const char c = rest_[0];
    if (c == '*' || c == '+' || c == '?') {
      rest_.remove_prefix(1);
      if (rest_.starts_with('?') || rest_.starts_with('+')) rest_.remove_prefix(1);
      return c == '?' ? 0 : 1;
    }
    if (c != '{') return 1;
    const std::size_t close = rest_.find('}');
    if (close == std::string_view::npos) return 1;
    const std::string_view inside = rest_.substr(1, close - 1);
    const auto least = parse_number(inside.substr(0, inside.find(',')));
    rest_.remove_prefix(close + 1);
    return least ? std::min<std::size_t>(static_cast<std::size_t>(*least), 64) : 1;
  }

  std::string_view rest_;
};

}  // namespace

Candidates candidates_of(const ListPolicy& policy) { return CandidateCollector(policy).run(); }

std::string sample_of_pattern(std::string_view pattern) {
  return Sampler(pattern.substr(0, 256)).run();
}

}  // namespace postern::dialect::restrictions
