#include "plan/language.h"

#include <algorithm>
#include <limits>
#include <map>
#include <stdexcept>
#include <utility>

#include "base/text.h"

namespace postern::plan {

namespace {

using OctetSet = std::bitset<256>;
constexpr unsigned no_limit = std::numeric_limits<unsigned>::max();

/// Thrown for what is not regular, not understood, or too large.
struct NotRegular : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// A pattern, parsed.
struct LanguageNode {
  enum class Kind : std::uint8_t { octets, sequence, choice, repeat, begin, end };
  Kind kind = Kind::sequence;
  OctetSet octets = {};
  std::vector<LanguageNode> parts = {};  ///< of `repeat`: one
  unsigned least = 0;                    ///< of `repeat`
  unsigned most = 0;                     ///< no_limit: any number
};

constexpr unsigned char_code(char c) { return static_cast<unsigned char>(c); }

OctetSet octets_if(bool (*holds)(unsigned char)) {
  OctetSet octets;
  for (unsigned c = 0; c < octets.size(); ++c) {
    if (holds(static_cast<unsigned char>(c))) octets.set(c);
  }
  return octets;
}

bool is_print(unsigned char c) { return c >= 0x20 && c < 0x7f; }
bool is_word(unsigned char c) { return is_alnum(static_cast<char>(c)) || c == '_'; }
bool is_space(unsigned char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

/// The POSIX classes as PCRE2 reads them without a locale.
std::optional<OctetSet> class_named(std::string_view name) {
  using Holds = bool (*)(unsigned char);
  static const std::pair<std::string_view, Holds> classes[] = {
      {"alpha", [](unsigned char c) { return is_alpha(static_cast<char>(c)); }},
      {"digit", [](unsigned char c) { return is_digit(static_cast<char>(c)); }},
      {"alnum", [](unsigned char c) { return is_alnum(static_cast<char>(c)); }},
      {"upper", [](unsigned char c) { return c >= 'A' && c <= 'Z'; }},
      {"lower", [](unsigned char c) { return c >= 'a' && c <= 'z'; }},
      {"punct",
       [](unsigned char c) { return is_print(c) && c != ' ' && !is_alnum(static_cast<char>(c)); }},
      {"space", is_space},
      {"blank", [](unsigned char c) { return c == ' ' || c == '\t'; }},
      {"cntrl", [](unsigned char c) { return c < 0x20 || c == 0x7f; }},
      {"graph", [](unsigned char c) { return is_print(c) && c != ' '; }},
      {"print", is_print},
      {"xdigit", [](unsigned char c) { return hex_value(static_cast<char>(c)).has_value(); }},
      {"word", is_word}};
  for (const auto& [known, holds] : classes) {
    if (known == name) return octets_if(holds);
  }
  return std::nullopt;
}

/// A recursive descent over what is regular in the syntax of PCRE2.
class Parser {
 public:
  Parser(std::string_view text, bool caseless) : rest_(text), caseless_(caseless) {}

  LanguageNode whole() {
    LanguageNode node = choice();
    if (!rest_.empty()) throw NotRegular("a bracket too many");
    return node;
  }

 private:
  bool take(std::string_view text) {
    if (!rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  char next() {
    if (rest_.empty()) throw NotRegular("the pattern ends too soon");
    const char c = rest_.front();
    rest_.remove_prefix(1);
    return c;
  }

  /// Up to the bracket that closes the group.
  LanguageNode choice() {
    constexpr int most_depth = 100;
    if (++depth_ > most_depth) throw NotRegular("brackets are nested too deep");
    const bool caseless = caseless_;  // (?i) holds up to the end of its group
    LanguageNode node{.kind = LanguageNode::Kind::choice};
    do {
      node.parts.push_back(sequence());
    } while (take("|"));
    caseless_ = caseless;
    --depth_;
    return node;
  }

  LanguageNode sequence() {
    LanguageNode node{.kind = LanguageNode::Kind::sequence};
    while (!rest_.empty() && rest_.front() != '|' && rest_.front() != ')') {
      if (std::optional<LanguageNode> part = atom())
        node.parts.push_back(quantified(std::move(*part)));
    }
    return node;
  }

  LanguageNode quantified(LanguageNode part) {
    for (bool is_first = true; !rest_.empty(); is_first = false) {
      unsigned least = 0;
      unsigned most = no_limit;
      const char c = rest_.front();
      if (c == '?') {
        most = 1;
      } else if (c == '+') {
        least = 1;
      } else if (c == '{') {
        if (!counts(least, most)) return part;
      } else if (c != '*') {
        return part;
      }
      if (c != '{') rest_.remove_prefix(1);
      const bool is_assertion =
          part.kind == LanguageNode::Kind::begin || part.kind == LanguageNode::Kind::end;
      if (is_assertion || !is_first) throw NotRegular("a quantifier without something to repeat");
      (void)take("?");  // as few as possible: the same texts
      if (rest_.starts_with('+')) throw NotRegular("a possessive quantifier");
      LanguageNode repeat{.kind = LanguageNode::Kind::repeat};
      repeat.parts.push_back(std::move(part));
      repeat.least = least;
      repeat.most = most;
      part = std::move(repeat);
    }
    return part;
  }

  /// `{2}`, `{2,}`, `{2,3}`; false: the bracket is a letter as others.
  bool counts(unsigned& least, unsigned& most) {
    const std::size_t end = rest_.find('}');
    if (end == std::string_view::npos) return false;
    const std::string_view inner = rest_.substr(1, end - 1);
    if (inner.find_first_not_of("0123456789, \t") != std::string_view::npos) return false;
    const std::size_t comma = inner.find(',');
    const auto first = parse_number(inner.substr(0, comma));
    // Versions of PCRE2 differ about `{,3}` and about blanks.
    if (!first) throw NotRegular("a bracket that may be a quantifier");
    std::optional<std::uint64_t> second = first;
    if (comma != std::string_view::npos) {
      const std::string_view last = inner.substr(comma + 1);
      second = last.empty() ? no_limit : parse_number(last);
      if (!second) throw NotRegular("a bracket that may be a quantifier");
    }
    constexpr unsigned highest = 1000;
    if (*first > highest || (*second > highest && *second != no_limit) || *first > *second) {
      throw NotRegular("more repetitions than are followed");
    }
    least = static_cast<unsigned>(*first);
    most = static_cast<unsigned>(*second);
    rest_.remove_prefix(end + 1);
    return true;
  }

  /// Nullopt: a setting, which is no part of the text.
  std::optional<LanguageNode> atom() {
    const char c = next();
    switch (c) {
      case '^':
        return LanguageNode{.kind = LanguageNode::Kind::begin};
      case '$':
        return LanguageNode{.kind = LanguageNode::Kind::end};
      case '.':
        return of(OctetSet().set());
      case '[':
        return of(set());
      case '(':
        return group();
      case '\\':
        return escaped();
      case '*':
      case '+':
      case '?':
        throw NotRegular("a quantifier without something to repeat");
      default:
        return of(OctetSet().set(char_code(c)));
    }
  }

  LanguageNode of(OctetSet octets) const {
    return {.kind = LanguageNode::Kind::octets, .octets = either_case(octets)};
  }
  OctetSet either_case(OctetSet octets) const {
    if (!caseless_) return octets;
    for (unsigned c = 'a'; c <= 'z'; ++c) {
      const unsigned capital = c - 'a' + 'A';
      const bool has = octets[c] || octets[capital];
      octets[c] = octets[capital] = has;
    }
    return octets;
  }

  std::optional<LanguageNode> group() {
    if (rest_.starts_with('*')) throw NotRegular("a verb");
    if (take("?")) {
      if (rest_.starts_with("P<") || rest_.starts_with('\'') ||
          (rest_.starts_with('<') && !rest_.starts_with("<=") && !rest_.starts_with("<!"))) {
        const char close = rest_.starts_with('\'') ? '\'' : '>';
        const std::size_t end = rest_.find(close, 1);
        if (end == std::string_view::npos) throw NotRegular("a name without its end");
        rest_.remove_prefix(end + 1);
      } else {
        bool caseless = caseless_;
        for (bool on = true; !rest_.empty() && rest_.front() != ':' && rest_.front() != ')';) {
          const char flag = next();
          if (flag == '-') {
            on = false;
          } else if (flag == 'i') {
            caseless = on;
          } else if (flag != 's' && flag != 'm') {  // these tell line ends apart
            throw NotRegular("a group of another kind");
          }
        }
        if (take(")")) {
          caseless_ = caseless;
          return std::nullopt;
        }
        (void)take(":");
        const bool before = std::exchange(caseless_, caseless);
        LanguageNode node = choice();
        caseless_ = before;
        if (!take(")")) throw NotRegular("a bracket is missing");
        return node;
      }
    }
    LanguageNode node = choice();
    if (!take(")")) throw NotRegular("a bracket is missing");
    return node;
  }

  LanguageNode escaped() {
    const char c = rest_.empty() ? '\0' : rest_.front();
    if (c == 'A') {
      rest_.remove_prefix(1);
      return {.kind = LanguageNode::Kind::begin};
    }
    if (c == 'z' || c == 'Z') {
      rest_.remove_prefix(1);
      return {.kind = LanguageNode::Kind::end};
    }
    return of(escaped_octets());
  }

  /// What stands behind a backslash, in a set or not.
  OctetSet escaped_octets() {
    const char c = next();
    OctetSet octets;
    switch (c) {
      case 'd':
      case 'D':
        octets = *class_named("digit");
        break;
      case 'w':
      case 'W':
        octets = *class_named("word");
        break;
      case 's':
      case 'S':
        octets = *class_named("space");
        break;
      case 't':
        return octets.set('\t');
      case 'n':
        return octets.set('\n');
      case 'r':
        return octets.set('\r');
      case 'f':
        return octets.set('\f');
      case 'a':
        return octets.set(0x07);
      case 'e':
        return octets.set(0x1b);
      case 'x':
        return octets.set(hex());
      default:
        if (is_alnum(c)) throw NotRegular("an escape that is not followed");
        return octets.set(char_code(c));
    }
    return c < 'a' ? ~octets : octets;
  }

  unsigned hex() {
    std::string_view digits;
    if (take("{")) {
      const std::size_t end = rest_.find('}');
      if (end == std::string_view::npos) throw NotRegular("an escape without its end");
      digits = rest_.substr(0, end);
      rest_.remove_prefix(end + 1);
    } else {
      std::size_t end = 0;
      while (end < 2 && end < rest_.size() && hex_value(rest_[end])) ++end;
      digits = rest_.substr(0, end);
      rest_.remove_prefix(end);
    }
    unsigned value = 0;
    constexpr unsigned base = 16;
    for (const char c : digits) {
      const auto digit = hex_value(c);
      if (!digit) throw NotRegular("an escape of other digits");
      value = value * base + *digit;
      if (value > 0xff) throw NotRegular("a character of more than an octet");
    }
    return value;
  }

  OctetSet set() {
    const bool negated = take("^");
    OctetSet octets;
    for (bool is_first = true;; is_first = false) {
      if (!is_first && take("]")) break;
      if (rest_.starts_with("[:") || rest_.starts_with("[.") || rest_.starts_with("[=")) {
        octets |= named();
        if (rest_.starts_with('-') && !rest_.starts_with("-]")) throw NotRegular("a range of sets");
        continue;
      }
      const OctetSet first = member();
      if (!rest_.starts_with('-') || rest_.starts_with("-]")) {
        octets |= first;
        continue;
      }
      rest_.remove_prefix(1);
      if (rest_.starts_with("[:")) throw NotRegular("a range of sets");
      const OctetSet last = member();
      if (first.count() != 1 || last.count() != 1) throw NotRegular("a range of sets");
      bool in = false;
      for (unsigned c = 0; c < octets.size(); ++c) {
        in = in || first[c];
        if (in) octets.set(c);
        if (last[c]) break;
      }
      if (!in) throw NotRegular("a range that is out of order");
    }
    octets = either_case(octets);
    return negated ? ~octets : octets;
  }

  OctetSet member() {
    if (!take("\\")) return OctetSet().set(char_code(next()));
    if (take("b")) return OctetSet().set('\b');
    return escaped_octets();
  }

  OctetSet named() {
    const std::size_t end = rest_.find(":]");
    if (!take("[:") || end == std::string_view::npos) throw NotRegular("a set of another kind");
    std::string_view name = rest_.substr(0, end - 2);
    rest_.remove_prefix(end);
    const bool negated = name.starts_with('^');
    if (negated) name.remove_prefix(1);
    const std::optional<OctetSet> octets = class_named(name);
    if (!octets) throw NotRegular("a set of another kind");
    // In either case, [[:upper:]] and [[:lower:]] are letters.
    return negated ? ~either_case(*octets) : *octets;
  }

  std::string_view rest_;
  bool caseless_;
  int depth_ = 0;
};

}  // namespace

/// Makes the automaton of a parsed pattern, from its end to its start.
class Maker {
 public:
  explicit Maker(Language& language) : states_(language.states_) {}

  /// The state in front of the node; behind it comes `next`.
  Language::State before(const LanguageNode& node, Language::State next) {
    using Kind = Language::Edge::Kind;
    switch (node.kind) {
      case LanguageNode::Kind::octets:
        return add({.kind = Kind::octet, .on = node.octets, .next = next});
      case LanguageNode::Kind::begin:
        return add({.kind = Kind::begin, .next = next});
      case LanguageNode::Kind::end:
        return add({.kind = Kind::end, .next = next});
      case LanguageNode::Kind::sequence:
        for (auto part = node.parts.rbegin(); part != node.parts.rend(); ++part) {
          next = before(*part, next);
        }
        return next;
      case LanguageNode::Kind::choice: {
        Language::State all = before(node.parts.back(), next);
        for (std::size_t at = node.parts.size() - 1; at-- > 0;) {
          all = either(before(node.parts[at], next), all);
        }
        return all;
      }
      case LanguageNode::Kind::repeat:
        break;
    }
    const LanguageNode& part = node.parts.front();
    Language::State at = next;
    if (node.most == no_limit) {
      at = either(next, next);
      const Language::State again = before(part, at);
      states_[at].next = again;
    } else {
      for (unsigned i = node.least; i < node.most; ++i) at = either(before(part, at), next);
    }
    for (unsigned i = 0; i < node.least; ++i) at = before(part, at);
    return at;
  }

  Language::State add(Language::Edge edge) {
    constexpr std::size_t most = 4000;
    if (states_.size() >= most) throw NotRegular("more states than are followed");
    states_.push_back(std::move(edge));
    return static_cast<Language::State>(states_.size() - 1);
  }

 private:
  Language::State either(Language::State one, Language::State other) {
    return add({.kind = Language::Edge::Kind::both, .next = one, .other = other});
  }

  std::vector<Language::Edge>& states_;
};

std::optional<Language> Language::of(std::string_view perl, const dialect::RegexOptions& options) {
  if (options.extended || options.unicode) return std::nullopt;
  try {
    const LanguageNode node = Parser(perl, options.caseless).whole();
    Language made;
    Maker maker(made);
    made.start_ = maker.before(node, maker.add({.kind = Edge::Kind::found}));
    made.anchored_ = options.anchored;
    std::map<std::vector<bool>, std::uint8_t> kinds;
    for (unsigned octet = 0; octet < made.kind_of_.size(); ++octet) {
      std::vector<bool> in;
      for (const Edge& edge : made.states_) {
        if (edge.kind == Edge::Kind::octet) in.push_back(edge.on[octet]);
      }
      made.kind_of_[octet] =
          kinds.emplace(std::move(in), static_cast<std::uint8_t>(kinds.size())).first->second;
    }
    made.kinds_ = kinds.size();
    return made;
  } catch (const NotRegular&) {
    return std::nullopt;
  }
}

/// A language read octet by octet: a state is the set of the places where the pattern may be.
class Walk {
 public:
  static constexpr std::size_t begin = 0;  ///< before the first octet
  static constexpr std::size_t found = 1;  ///< whatever follows

  explicit Walk(const Language& language) : language_(language) {
    add({});  // begin
    add({});  // found
    Places places;
    reach(places, language.start_, true, false);
    places_[begin] = std::move(places.list);
    if (places.found) places_[begin] = {};
    always_ = places.found;
    Places later;
    if (!language.anchored_) reach(later, language.start_, false, false);
    is_over_when_lost_ = later.list.empty() && !later.found;
  }

  std::size_t first() const { return always_ ? found : begin; }

  std::size_t next(std::size_t at, unsigned char octet) {
    if (at == found) return found;
    const std::uint8_t kind = language_.kind_of_[octet];
    if (const std::size_t known = next_[at][kind]; known != unknown) return known;
    Places places;
    for (const Language::State place : places_[at]) {
      const Language::Edge& edge = language_.states_[place];
      if (edge.kind == Language::Edge::Kind::octet && edge.on[octet]) {
        reach(places, edge.next, false, false);
      }
    }
    if (!language_.anchored_) reach(places, language_.start_, false, false);
    std::size_t to = found;
    if (!places.found) {
      std::ranges::sort(places.list);
      const auto known = numbers_.find(places.list);
      to = known != numbers_.end() ? known->second : add(places.list);
    }
    next_[at][kind] = to;
    return to;
  }

  /// Whether the pattern is found in the text that ends here.
  bool holds(std::size_t at) const {
    if (at == found) return true;
    Places places;
    for (const Language::State place : places_[at]) reach(places, place, at == begin, true);
    return places.found;
  }
  std::size_t states() const { return places_.size(); }
  /// Whether it is found in no longer text.
  bool is_lost(std::size_t at) const {
    return at > found && places_[at].empty() && is_over_when_lost_;
  }

 private:
  static constexpr std::size_t unknown = std::numeric_limits<std::size_t>::max();
  struct Places {
    std::vector<bool> seen = {};
    std::vector<Language::State> list = {};
    bool found = false;
  };

  /// All places that are reached without an octet. Those before an end stay.
  void reach(Places& places, Language::State from, bool at_begin, bool at_end) const {
    using Kind = Language::Edge::Kind;
    places.seen.resize(language_.states_.size());
    std::vector<Language::State> open{from};
    while (!open.empty()) {
      const Language::State at = open.back();
      open.pop_back();
      if (places.seen[at]) continue;
      places.seen[at] = true;
      const Language::Edge& edge = language_.states_[at];
      switch (edge.kind) {
        case Kind::found:
          places.found = true;
          break;
        case Kind::both:
          open.push_back(edge.next);
          open.push_back(edge.other);
          break;
        case Kind::begin:
          if (at_begin) open.push_back(edge.next);
          break;
        case Kind::end:
          if (at_end) open.push_back(edge.next);
          places.list.push_back(at);
          break;
        case Kind::octet:
          places.list.push_back(at);
          break;
      }
    }
  }

  std::size_t add(std::vector<Language::State> places) {
    // The first two stand for themselves.
    if (places_.size() > found) numbers_.emplace(places, places_.size());
    places_.push_back(std::move(places));
    next_.emplace_back(language_.kinds_, unknown);
    return places_.size() - 1;
  }

  const Language& language_;
  bool always_ = false;             ///< found at once
  bool is_over_when_lost_ = false;  ///< it can begin only at the begin of the text
  std::map<std::vector<Language::State>, std::size_t> numbers_;
  std::vector<std::vector<Language::State>> places_;
  std::vector<std::vector<std::size_t>> next_;  ///< by state and kind of octet
};

bool Language::has(std::string_view text) const {
  Walk walk(*this);
  std::size_t at = walk.first();
  for (const char c : text) at = walk.next(at, static_cast<unsigned char>(c));
  return walk.holds(at);
}

/// Several languages read at once.
class Product {
 public:
  Product(const std::vector<const Language*>& in, const std::vector<const Language*>& out)
      : in_(in.size()) {
    for (const auto* languages : {&in, &out}) {
      for (const Language* one : *languages) walks_.emplace_back(*one);
    }
    // One octet of each kind, those that are read easily first.
    std::map<std::vector<std::uint8_t>, unsigned char> kinds;
    const auto offer = [&](unsigned char octet) {
      if (octet == '\0' || octet == '\n' || octet == '\r') return;
      std::vector<std::uint8_t> kind;
      for (const auto* languages : {&in, &out}) {
        for (const Language* one : *languages) kind.push_back(one->kind_of_[octet]);
      }
      if (kinds.emplace(std::move(kind), octet).second) octets_.push_back(octet);
    };
    for (const char c : std::string_view("abcdefghijklmnopqrstuvwxyz0123456789.@-_+=%!")) {
      offer(static_cast<unsigned char>(c));
    }
    for (unsigned octet = 0; octet < 256; ++octet) offer(static_cast<unsigned char>(octet));
  }

  TextFound search(std::size_t most) {
    using At = std::vector<std::size_t>;
    struct Step {
      At at;
      std::size_t from;
      unsigned char by;
    };
    At first;
    for (const Walk& walk : walks_) first.push_back(walk.first());
    std::map<At, std::size_t> seen{{first, 0}};
    std::vector<Step> steps{{first, 0, 0}};
    for (std::size_t i = 0; i < steps.size(); ++i) {
      if (holds(steps[i].at)) {
        TextFound found{.status = TextFound::Status::found};
        for (std::size_t at = i; at != 0; at = steps[at].from) {
          found.text.push_back(static_cast<char>(steps[at].by));
        }
        std::ranges::reverse(found.text);
        return found;
      }
      const bool too_many =
          std::ranges::any_of(walks_, [&](const Walk& one) { return one.states() > most; });
      if (steps.size() > most || too_many) return {.status = TextFound::Status::unknown};
      for (const unsigned char octet : octets_) {
        At to = steps[i].at;
        for (std::size_t one = 0; one < walks_.size(); ++one) {
          to[one] = walks_[one].next(to[one], octet);
        }
        if (is_over(to) || !seen.emplace(to, steps.size()).second) continue;
        steps.push_back({std::move(to), i, octet});
      }
    }
    return {.status = TextFound::Status::none};
  }

 private:
  bool holds(const std::vector<std::size_t>& at) const {
    for (std::size_t one = 0; one < walks_.size(); ++one) {
      if (walks_[one].holds(at[one]) != (one < in_)) return false;
    }
    return true;
  }
  bool is_over(const std::vector<std::size_t>& at) const {
    for (std::size_t one = 0; one < walks_.size(); ++one) {
      if (one < in_ ? walks_[one].is_lost(at[one]) : at[one] == Walk::found) return true;
    }
    return false;
  }

  std::size_t in_;
  std::vector<Walk> walks_;
  std::vector<unsigned char> octets_;
};

TextFound text_of(const std::vector<const Language*>& in, const std::vector<const Language*>& out,
                  std::size_t most) {
  return Product(in, out).search(most);
}

}  // namespace postern::plan
