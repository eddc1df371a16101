#include "mailauth/spf/record.h"

#include <algorithm>

#include <arpa/inet.h>
#include <fmt/core.h>

#include "base/text.h"
#include "mailauth/spf/macro.h"

namespace mailauth::spf {
namespace {

constexpr std::string_view version = "v=spf1";

struct MechanismName {
  std::string_view name;
  Mechanism mechanism;
};
constexpr MechanismName mechanism_names[] = {
    {"all", Mechanism::all}, {"include", Mechanism::include}, {"a", Mechanism::a},
    {"mx", Mechanism::mx},   {"ptr", Mechanism::ptr},         {"ip4", Mechanism::ip4},
    {"ip6", Mechanism::ip6}, {"exists", Mechanism::exists},
};

constexpr std::string_view sentence(RecordFault fault) {
  switch (fault) {
    case RecordFault::too_long:
      return "the record is longer than 4096 octets";
    case RecordFault::bad_octet:
      return "an octet outside of printable ASCII";
    case RecordFault::unknown_mechanism:
      return "no such mechanism";
    case RecordFault::missing_domain:
      return "a domain is missing";
    case RecordFault::bad_domain:
      return "not a domain";
    case RecordFault::bad_macro:
      return "a macro is malformed";
    case RecordFault::bad_address:
      return "not an address";
    case RecordFault::bad_prefix:
      return "not a prefix length";
    case RecordFault::unexpected_argument:
      return "an argument that does not belong here";
    case RecordFault::repeated_modifier:
      break;
  }
  return "a modifier that may stand once only";
}

/// RFC 7208 §7.1: a top-level label contains a letter, or a hyphen that is not at an end.
bool is_toplabel(std::string_view label) {
  if (label.empty() || label.front() == '-' || label.back() == '-') return false;
  bool letter = false;
  bool hyphen = false;
  for (const char c : label) {
    if (!postern::is_alnum(c) && c != '-') return false;
    letter |= postern::is_alpha(c);
    hyphen |= c == '-';
  }
  return letter || hyphen;
}

/// RFC 7208 §7.1: domain-end = ( "." toplabel [ "." ] ) / macro-expand.
bool has_domain_end(std::string_view spec, const MacroNeeds& needs) {
  if (needs.ends_in_macro) return true;
  if (!spec.empty() && spec.back() == '.') spec.remove_suffix(1);
  const std::size_t dot = spec.rfind('.');
  return dot != std::string_view::npos && is_toplabel(spec.substr(dot + 1));
}

/// RFC 7208 §5.6: no leading zeros, at most `limit`.
std::optional<std::uint8_t> prefix_length(std::string_view digits, unsigned limit) {
  if (digits.empty() || digits.size() > 3 || (digits.size() > 1 && digits[0] == '0')) {
    return std::nullopt;
  }
  const auto number = postern::parse_number(digits);
  if (!number || *number > limit) return std::nullopt;
  return static_cast<std::uint8_t>(*number);
}

/// The position of "/digits" at the end of `text`; nullopt when there is none.
std::optional<std::size_t> trailing_number(std::string_view text) {
  std::size_t at = text.size();
  while (at > 0 && postern::is_digit(text[at - 1])) --at;
  if (at == text.size() || at == 0 || text[at - 1] != '/') return std::nullopt;
  return at - 1;
}

/// RFC 7208 §4.6.1: name = ALPHA *( ALPHA / DIGIT / "-" / "_" / "." ).
bool is_modifier_name(std::string_view name) {
  if (name.empty() || !postern::is_alpha(name[0])) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return postern::is_alnum(c) || c == '-' || c == '_' || c == '.';
  });
}

}  // namespace

std::string_view to_string(Status status) {
  static constexpr std::string_view names[] = {"none",     "neutral",   "pass",     "fail",
                                               "softfail", "temperror", "permerror"};
  return names[static_cast<std::size_t>(status)];
}

std::string RecordError::message() const {
  return term.empty() ? std::string(sentence(fault))
                      : fmt::format("{}: `{}`", sentence(fault), term);
}

class RecordParser {
 public:
  explicit RecordParser(std::string_view text) { record_.text_ = text; }

  tl::expected<Record, RecordError> run() {
    const std::string_view text = record_.text_;
    record_.terms_.reserve(static_cast<std::size_t>(std::count(text.begin(), text.end(), ' ')));
    for (std::size_t i = version.size(); i < text.size() && !fault_;) {
      // RFC 7208 §4.6.1: terms = *( 1*SP ( directive / modifier ) ).
      if (text[i] == ' ') {
        ++i;
        continue;
      }
      const std::size_t end = std::min(text.find(' ', i), text.size());
      term_ = text.substr(i, end - i);
      read_term();
      i = end;
    }
    if (fault_) return tl::unexpected(RecordError{*fault_, postern::printable(term_, 80)});
    return std::move(record_);
  }

 private:
  void wrong(RecordFault fault) {
    if (!fault_) fault_ = fault;
  }
  Slice slice(std::string_view part) const {
    return {static_cast<std::uint16_t>(part.data() - record_.text_.data()),
            static_cast<std::uint16_t>(part.size())};
  }

  void read_term() {
    if (!std::all_of(term_.begin(), term_.end(), postern::is_printable_ascii)) {
      return wrong(RecordFault::bad_octet);
    }
    const std::size_t mark = term_.find_first_of(":/=");
    if (mark != std::string_view::npos && term_[mark] == '=') {
      return read_modifier(term_.substr(0, mark), term_.substr(mark + 1));
    }
    std::string_view name = term_.substr(0, mark);
    Term term{.text = slice(term_)};
    if (!name.empty() && std::string_view("+-?~").find(name[0]) != std::string_view::npos) {
      // RFC 7208 §4.6.2.
      term.outcome = name[0] == '+'   ? Status::pass
                     : name[0] == '-' ? Status::fail
                     : name[0] == '?' ? Status::neutral
                                      : Status::softfail;
      name.remove_prefix(1);
    }
    const auto* known = std::find_if(
        std::begin(mechanism_names), std::end(mechanism_names),
        [&](const MechanismName& entry) { return postern::iequals(entry.name, name); });
    if (known == std::end(mechanism_names)) return wrong(RecordFault::unknown_mechanism);
    term.mechanism = known->mechanism;
    read_arguments(term, mark == std::string_view::npos ? std::string_view() : term_.substr(mark));
    record_.terms_.push_back(term);
  }

  /// `arguments` is empty or begins with ":" or "/".
  void read_arguments(Term& term, std::string_view arguments) {
    switch (term.mechanism) {
      case Mechanism::all:
        if (!arguments.empty()) wrong(RecordFault::unexpected_argument);
        break;
      case Mechanism::ip4:
      case Mechanism::ip6:
        read_network(term, arguments);
        break;
      case Mechanism::a:
      case Mechanism::mx:
        arguments = read_prefixes(term, arguments);
        if (!arguments.empty()) term.target = read_target(arguments);
        break;
      case Mechanism::ptr:
        if (!arguments.empty()) term.target = read_target(arguments);
        break;
      case Mechanism::include:
      case Mechanism::exists:
        term.target = read_target(arguments);
        break;
    }
  }

  /// Removes dual-cidr-length from the end: [ ip4-cidr-length ] [ "/" ip6-cidr-length ]
  /// (RFC 7208 §5.6).
  std::string_view read_prefixes(Term& term, std::string_view text) {
    auto at = trailing_number(text);
    if (at && *at > 0 && text[*at - 1] == '/') {
      const auto prefix = prefix_length(text.substr(*at + 1), 128);
      if (!prefix) wrong(RecordFault::bad_prefix);
      term.prefix6 = prefix.value_or(0);
      text = text.substr(0, *at - 1);
      at = trailing_number(text);
    }
    if (at) {
      const auto prefix = prefix_length(text.substr(*at + 1), 32);
      if (!prefix) wrong(RecordFault::bad_prefix);
      term.prefix4 = prefix.value_or(0);
      text = text.substr(0, *at);
    }
    return text;
  }

  /// Parses ":" domain-spec.
  Target read_target(std::string_view text) {
    if (text.empty() || text[0] != ':') {
      wrong(text.empty() ? RecordFault::missing_domain : RecordFault::unexpected_argument);
      return {};
    }
    return read_domain_spec(text.substr(1));
  }

  Target read_domain_spec(std::string_view spec) {
    const std::optional<MacroNeeds> needs = scan_macros(spec, MacroUse::domain);
    if (spec.empty()) {
      wrong(RecordFault::missing_domain);
    } else if (!needs) {
      wrong(RecordFault::bad_macro);
    } else if (!has_domain_end(spec, *needs)) {
      wrong(RecordFault::bad_domain);
    } else {
      return {.spec = slice(spec),
              .has_macros = needs->macros,
              .uses_local_part = needs->local_part,
              .uses_validated_name = needs->validated_name};
    }
    return {};
  }

  void read_network(Term& term, std::string_view text) {
    if (text.empty() || text[0] != ':') return wrong(RecordFault::bad_address);
    text.remove_prefix(1);
    const bool v4 = term.mechanism == Mechanism::ip4;
    const std::size_t slash = text.find('/');
    if (slash != std::string_view::npos) {
      const auto prefix = prefix_length(text.substr(slash + 1), v4 ? 32 : 128);
      if (!prefix) return wrong(RecordFault::bad_prefix);
      (v4 ? term.prefix4 : term.prefix6) = *prefix;
      text = text.substr(0, slash);
    }
    std::array<char, INET6_ADDRSTRLEN + 1> zero_terminated{};
    if (text.size() >= zero_terminated.size()) return wrong(RecordFault::bad_address);
    std::copy(text.begin(), text.end(), zero_terminated.begin());
    // An IPv4-mapped network remains IPv6: an IPv4 client never matches it (RFC 7208 §5).
    if (inet_pton(v4 ? AF_INET : AF_INET6, zero_terminated.data(), term.network.data()) != 1) {
      wrong(RecordFault::bad_address);
    }
  }

  void read_modifier(std::string_view name, std::string_view value) {
    if (!is_modifier_name(name)) return wrong(RecordFault::unknown_mechanism);
    const bool redirect = postern::iequals(name, "redirect");
    if (redirect || postern::iequals(name, "exp")) {
      std::optional<Target>& modifier = redirect ? record_.redirect_ : record_.explanation_;
      // RFC 7208 §6: each of the two may occur once.
      if (modifier) return wrong(RecordFault::repeated_modifier);
      modifier = read_domain_spec(value);
      return;
    }
    // RFC 7208 §6: unknown modifiers are ignored, but their values must be macro-strings.
    if (!scan_macros(value, MacroUse::domain)) wrong(RecordFault::bad_macro);
  }

  Record record_;
  std::string_view term_;
  std::optional<RecordFault> fault_;
};

bool Record::is_spf(std::string_view text) {
  return postern::istarts_with(text, version) &&
         (text.size() == version.size() || text[version.size()] == ' ');
}

tl::expected<Record, RecordError> Record::parse(std::string_view text) {
  if (text.size() > max_record) return tl::unexpected(RecordError{RecordFault::too_long, {}});
  return RecordParser(text).run();
}

std::shared_ptr<const ParsedRecord> RecordCache::get(std::string_view text) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = young_.find(text); at != young_.end()) return at->second;
    if (const auto at = old_.find(text); at != old_.end()) return keep(text, at->second);
  }
  auto record = std::make_shared<const ParsedRecord>(Record::parse(text));
  // A longer text is an error, which is not worth its memory.
  if (text.size() > max_record) return record;
  const std::lock_guard lock(mutex_);
  return keep(text, std::move(record));
}

std::shared_ptr<const ParsedRecord> RecordCache::keep(std::string_view text,
                                                      std::shared_ptr<const ParsedRecord> record) {
  if (young_.size() >= generation_) old_ = std::exchange(young_, {});
  young_.insert_or_assign(std::string(text), record);
  return record;
}

}  // namespace mailauth::spf
