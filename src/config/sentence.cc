#include "config/sentence.h"

#include <algorithm>
#include <array>
#include <optional>
#include <tuple>

#include <fmt/format.h>

#include "base/domain_below.h"
#include "base/text.h"
#include "policy/dns_list.h"

namespace postern::app {

bool DomainPattern::has(std::string_view domain) const {
  return below ? domain != name && domain_below(domain, name) : domain == name;
}

bool Term::operator==(const Term& other) const {
  const auto text = [](const Term& term) { return term.zone ? term.zone->text() : std::string(); };
  return std::tie(about, networks, mynetworks, domains, address, word, is_login, group, number) ==
             std::tie(other.about, other.networks, other.mynetworks, other.domains, other.address,
                      other.word, other.is_login, other.group, other.number) &&
         text(*this) == text(other);
}

namespace {

constexpr int most_nesting = 50;

struct Token {
  std::string text;
  std::size_t column = 1;
  bool quoted = false;
};

/// Thrown inside of the parser alone.
struct Stop {
  SentenceError error;
};

/// Words, and the signs ( ) , = > as words of their own.
class Tokens {
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

 public:
  explicit Tokens(std::string_view text) : end_(text.size() + 1) {
    constexpr std::string_view signs = "(),=>";
    for (std::size_t at = 0; at < text.size();) {
      if (is_blank(text[at])) {
        ++at;
        continue;
      }
      const std::size_t start = at;
      if (text[at] == '"') {
        const std::size_t close = text.find('"', at + 1);
        if (close == std::string_view::npos) {
          throw Stop{{start + 1, "the quote is not closed"}};
        }
        tokens_.push_back({std::string(text.substr(at + 1, close - at - 1)), start + 1, true});
        at = close + 1;
        continue;
      }
      if (signs.find(text[at]) != std::string_view::npos) {
        ++at;
      } else {
        while (at < text.size() && !is_blank(text[at]) && text[at] != '"' &&
               signs.find(text[at]) == std::string_view::npos) {
          ++at;
        }
      }
      tokens_.push_back({std::string(text.substr(start, at - start)), start + 1, false});
    }
  }

  bool done() const { return at_ == tokens_.size(); }
  /// The next one; behind the end an empty one.
  Token peek() const { return done() ? Token{"", end_, false} : tokens_[at_]; }
  Token take() {
    Token token = peek();
    if (!done()) ++at_;
    return token;
  }
  /// Takes the word if it is the next one.
  bool take(std::string_view word) {
    if (done() || peek().quoted || peek().text != word) return false;
    ++at_;
    return true;
  }

 private:
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t end_;
};

[[noreturn]] void stop(const Token& token, const std::string& message) {
  throw Stop{{token.column, message}};
}

template <std::size_t size>
[[noreturn]] void no_such(const Token& token, std::string_view what,
                          const std::array<std::string_view, size>& words) {
  std::string list;
  for (const std::string_view word : words) list += (list.empty() ? "" : ", ") + std::string(word);
  if (token.text.empty()) stop(token, fmt::format("{} is missing: {}", what, list));
  const auto near = nearest(token.text, std::vector<std::string_view>(words.begin(), words.end()));
  stop(token, fmt::format("`{}` is no {}{}", printable(token.text, 64), what,
                          near ? fmt::format("; did you mean `{}`?", *near) : ": " + list));
}

constexpr std::array<std::string_view, 4> verbs{"accept", "refuse", "discard", "hold"};
constexpr std::array<std::string_view, 14> subjects{
    "client", "client_name", "helo",  "auth",         "tls",         "from", "rcpt",
    "spf",    "dkim",        "dmarc", "dmarc_policy", "header_from", "size", "not"};
constexpr std::array<std::string_view, 7> spf_results{"pass", "fail",      "softfail", "neutral",
                                                      "none", "temperror", "permerror"};
constexpr std::array<std::string_view, 4> dkim_results{"pass", "fail", "none", "temperror"};
constexpr std::array<std::string_view, 5> dmarc_results{"pass", "fail", "none", "temperror",
                                                        "permerror"};
constexpr std::array<std::string_view, 3> dmarc_policies{"none", "quarantine", "reject"};
constexpr std::array<std::string_view, 3> groups{"ours", "relay", "foreign"};

class Parser {
 public:
  Parser(std::string_view text, const NetworkSets& sets) : tokens_(text), sets_(sets) {}

  Sentence sentence() {
    Sentence made;
    const Token first = tokens_.take();
    if (first.text != "never" && first.text != "always") {
      no_such(first, "beginning of a sentence", std::array<std::string_view, 2>{"never", "always"});
    }
    made.never = first.text == "never";
    const Token verb = tokens_.take();
    const auto found = std::ranges::find(verbs, verb.text);
    if (found == verbs.end()) no_such(verb, "verb", verbs);
    made.verb = static_cast<Verb>(found - verbs.begin());
    if (tokens_.done()) return made;
    const Token where = tokens_.take();
    if (where.text != "where") stop(where, "only `where` may follow the verb");
    made.condition = disjunction(0);
    if (!tokens_.done()) stop(tokens_.peek(), "`and`, `or` or the end of the sentence is missing");
    return made;
  }

 private:
  Condition disjunction(int depth) {
    Condition first = conjunction(depth);
    if (tokens_.done() || tokens_.peek().text != "or") return first;
    Condition all{.kind = Condition::Kind::disjunction};
    all.parts.push_back(std::move(first));
    while (tokens_.take("or")) all.parts.push_back(conjunction(depth));
    return all;
  }
  Condition conjunction(int depth) {
    Condition first = factor(depth);
    if (tokens_.done() || tokens_.peek().text != "and") return first;
    Condition all{.kind = Condition::Kind::conjunction};
    all.parts.push_back(std::move(first));
    while (tokens_.take("and")) all.parts.push_back(factor(depth));
    return all;
  }
  Condition factor(int depth) {
    if (depth > most_nesting) stop(tokens_.peek(), "parentheses nest too deep");
    if (tokens_.take("not")) return negated(factor(depth + 1));
    if (tokens_.take("(")) {
      Condition inner = disjunction(depth + 1);
      if (!tokens_.take(")")) stop(tokens_.peek(), "`)` is missing");
      return inner;
    }
    return term();
  }
  static Condition negated(Condition condition) {
    Condition made{.kind = Condition::Kind::negation};
    made.parts.push_back(std::move(condition));
    return made;
  }
  static Condition just(Term term) {
    return {.kind = Condition::Kind::term, .term = std::move(term)};
  }

  Condition term() {
    using About = Term::About;
    const Token subject = tokens_.take();
    const std::string& word = subject.text;
    if (subject.quoted) stop(subject, "a condition begins with a word without quotes");
    if (word == "client") return client();
    if (word == "client_name") return domains_of(About::client_name);
    if (word == "helo") return helo();
    if (word == "auth") return auth();
    if (word == "tls") {
      return result(About::tls, std::array<std::string_view, 2>{"yes", "no"});
    }
    if (word == "from") return address_of(About::sender);
    if (word == "rcpt") return address_of(About::recipient);
    if (word == "spf") return result(About::spf, spf_results);
    if (word == "dkim") {
      if (next_is_in()) return domains_of(About::dkim_domain);
      return result(About::dkim, dkim_results);
    }
    if (word == "dmarc") return result(About::dmarc, dmarc_results);
    if (word == "dmarc_policy") return result(About::dmarc_policy, dmarc_policies);
    if (word == "header_from") return domains_of(About::header_from);
    if (word == "size") {
      if (!tokens_.take(">")) stop(tokens_.peek(), "`>` is missing");
      const Token number = tokens_.take();
      const auto value = parse_number(number.text);
      if (!value) stop(number, "a number of octets is missing, such as 10485760");
      return just({.about = About::size, .number = *value});
    }
    no_such(subject, "subject of a condition", subjects);
  }

  bool next_is_in() const {
    const std::string text = tokens_.peek().text;
    return text == "in" || text == "not";
  }
  /// `in` or `not in`; true: `not`.
  bool in_or_not() {
    const bool is_not = tokens_.take("not");
    if (!tokens_.take("in")) stop(tokens_.peek(), "`in` is missing");
    return is_not;
  }
  void equals() {
    if (!tokens_.take("=")) stop(tokens_.peek(), "`=` is missing");
  }
  static Condition perhaps(bool is_not, Term term) {
    return is_not ? negated(just(std::move(term))) : just(std::move(term));
  }

  template <std::size_t size>
  Condition result(Term::About about, const std::array<std::string_view, size>& words) {
    equals();
    const Token word = tokens_.take();
    if (std::ranges::find(words, word.text) == words.end()) no_such(word, "result", words);
    return just({.about = about, .word = word.text});
  }

  std::optional<Condition> listed(Term::About about) {
    if (!tokens_.take("listed")) return std::nullopt;
    if (!tokens_.take("in")) stop(tokens_.peek(), "`in` is missing");
    const Token zone = tokens_.take();
    if (!zone.quoted) stop(zone, "a list in DNS stands in quotes: \"bl.example.net\"");
    auto list = policy::DnsList::parse(zone.text);
    if (!list) stop(zone, list.error().message);
    return just({.about = about, .zone = std::move(*list)});
  }

  Condition client() {
    if (auto zone = listed(Term::About::client_listed)) return std::move(*zone);
    const bool is_not = in_or_not();
    Term term{.about = Term::About::client};
    do {
      const Token word = tokens_.take();
      if (word.text == "mynetworks") {
        term.mynetworks = true;
      } else if (word.text.starts_with('@')) {
        const auto set = sets_.find(word.text.substr(1));
        if (set == sets_.end()) {
          std::vector<std::string_view> names;
          for (const auto& [name, networks] : sets_) names.push_back(name);
          const auto near = nearest(word.text.substr(1), names);
          stop(word, fmt::format("there is no set `{}`{}", printable(word.text, 64),
                                 near ? fmt::format("; did you mean `@{}`?", *near)
                                      : "; write networks.NAME in [guardrails]"));
        }
        term.networks.insert(term.networks.end(), set->second.begin(), set->second.end());
      } else {
        const auto network = Cidr::parse(word.text);
        if (!network) stop(word, network.error().message);
        term.networks.push_back(*network);
      }
    } while (tokens_.take(","));
    return perhaps(is_not, std::move(term));
  }

  DomainPattern domain() {
    const Token word = tokens_.take();
    DomainPattern made;
    std::string_view name = word.text;
    if (name.starts_with("*.")) {
      made.below = true;
      name.remove_prefix(2);
    }
    const auto parsed = mail::Domain::parse(name);
    if (!parsed) {
      stop(word, fmt::format("`{}` is no domain{}", printable(word.text, 100),
                             word.text.starts_with('.') ? "; the names below one are written `*" +
                                                              printable(word.text, 100) + "`"
                                                        : ""));
    }
    made.name = std::string(parsed->text());
    return made;
  }
  Condition domains_of(Term::About about) {
    const bool is_not = in_or_not();
    Term term{.about = about};
    do {
      const Token word = tokens_.peek();
      std::string name = lower(word.text);
      if (name.ends_with('.')) name.pop_back();
      const bool is_group = std::ranges::find(groups, name) != groups.end();
      if (about == Term::About::recipient && is_group && !word.quoted) {
        stop(word, fmt::format("`{0}` is a group of destinations: write `{1}rcpt is {0}`; a domain "
                               "of that name stands in quotes",
                               name, is_not ? "not " : ""));
      }
      term.domains.push_back(domain());
    } while (tokens_.take(","));
    return perhaps(is_not, std::move(term));
  }

  Condition helo() {
    if (auto zone = listed(Term::About::helo_listed)) return std::move(*zone);
    if (next_is_in()) return domains_of(Term::About::helo);
    equals();
    if (tokens_.take("none")) return just({.about = Term::About::helo, .word = "none"});
    // A client may say anything: a literal, a bare address.
    const Token word = tokens_.peek();
    if (!word.quoted && word.text.find_first_of("[:") == std::string::npos &&
        !IpAddress::parse(word.text)) {
      return just({.about = Term::About::helo, .domains = {domain()}});
    }
    tokens_.take();
    return just(
        {.about = Term::About::helo, .domains = {{.name = lower(word.text), .below = false}}});
  }

  Condition auth() {
    equals();
    const Token word = tokens_.take();
    if (word.quoted) return just({.about = Term::About::auth, .word = word.text, .is_login = true});
    if (word.text != "none" && word.text != "any") {
      no_such(word, "login (a name stands in quotes)",
              std::array<std::string_view, 2>{"none", "any"});
    }
    return just({.about = Term::About::auth, .word = word.text});
  }

  Condition address_of(Term::About about) {
    const bool sender = about == Term::About::sender;
    if (sender) {
      if (auto zone = listed(Term::About::sender_listed)) return std::move(*zone);
    }
    if (!sender && tokens_.take("is")) {
      const Token word = tokens_.take();
      if (word.text == "not") stop(word, "`not` stands in front: `not rcpt is ours`");
      const auto group = std::ranges::find(groups, word.text);
      if (group == groups.end()) no_such(word, "group of destinations", groups);
      using Group = dialect::restrictions::Destination;
      constexpr std::array<Group, 3> values{Group::ours, Group::relay, Group::foreign};
      return just({.about = Term::About::destination,
                   .group = values[static_cast<std::size_t>(group - groups.begin())]});
    }
    if (next_is_in()) return domains_of(about);
    equals();
    if (sender && tokens_.take("null")) return just({.about = about, .word = "null"});
    const Token word = tokens_.take();
    auto mailbox = mail::parse_mailbox(word.text, mail::Utf8::allowed);
    if (!mailbox) stop(word, mailbox.error().message);
    return just({.about = about, .address = std::move(*mailbox)});
  }

  Tokens tokens_;
  const NetworkSets& sets_;
};

}  // namespace

tl::expected<Sentence, SentenceError> parse_sentence(std::string_view text,
                                                     const NetworkSets& sets) {
  try {
    return Parser(text, sets).sentence();
  } catch (const Stop& at) {
    return tl::unexpected(at.error);
  }
}

}  // namespace postern::app
