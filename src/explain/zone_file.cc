#include "explain/zone_file.h"

#include <algorithm>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "base/ip.h"
#include "base/text.h"
#include "dns/dns.h"
#include "dns/record_types.h"
#include "policy/json_octets.h"

namespace postern::app {

namespace {

namespace json = boost::json;

struct Entry {
  std::size_t line = 0;
  bool own_name = true;  ///< false: the line begins with a blank, and the previous name applies
  std::vector<std::string> words;
};

/// Splits a zone into entries: comments, quotes, escapes and parentheses.
class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  /// nullopt at the end of the text or after an error, see trouble().
  std::optional<Entry> next() {
    while (at_ < text_.size() && trouble_.empty()) {
      Entry entry{.line = line_, .own_name = !is_blank(text_[at_]), .words = {}};
      read_entry(entry);
      if (!entry.words.empty() && trouble_.empty()) return entry;
    }
    return std::nullopt;
  }
  const std::string& trouble() const { return trouble_; }

 private:
  static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

  void read_entry(Entry& entry) {
    int open = 0;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '\n') {
        ++line_;
        ++at_;
        if (open == 0) return;
      } else if (c == ';') {
        while (at_ < text_.size() && text_[at_] != '\n') ++at_;
      } else if (c == '(' || c == ')') {
        open += c == '(' ? 1 : -1;
        ++at_;
        if (open < 0) trouble_ = fmt::format("line {}: a parenthesis was not opened", line_);
        if (open < 0) return;
      } else if (is_blank(c)) {
        ++at_;
      } else if (!read_word(entry)) {
        return;
      }
    }
    if (open > 0) trouble_ = fmt::format("line {}: a parenthesis is not closed", entry.line);
  }

  bool read_word(Entry& entry) {
    const bool quoted = text_[at_] == '"';
    if (quoted) ++at_;
    std::string word;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (quoted ? c == '"' : is_blank(c) || std::string_view("\n;()\"").find(c) != npos) break;
      if (c == '\n') break;
      word += c == '\\' ? escaped() : text_[at_++];
    }
    if (quoted && (at_ == text_.size() || text_[at_] != '"')) {
      trouble_ = fmt::format("line {}: a quotation mark is missing", line_);
      return false;
    }
    if (quoted) ++at_;
    entry.words.push_back(std::move(word));
    return true;
  }

  /// `\"` or `\034`, RFC 1035 §5.1.
  char escaped() {
    const auto digits = parse_number(text_.substr(at_ + 1, 3));
    if (digits && *digits < 256 && at_ + 3 < text_.size()) {
      at_ += 4;
      return static_cast<char>(*digits);
    }
    const bool last = at_ + 1 == text_.size();
    at_ += last ? 1 : 2;
    return text_[at_ - 1];
  }

  static constexpr std::size_t npos = std::string_view::npos;
  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t line_ = 1;
  std::string trouble_;
};

/// "TXT", "NS", "TYPE65280".
bool is_type(std::string_view word) {
  return !word.empty() && is_alpha(word.front()) &&
         std::all_of(word.begin(), word.end(), [](char c) { return is_alnum(c) || c == '-'; });
}

bool is_ttl(std::string_view word) { return !word.empty() && is_digit(word.front()); }

/// Usage, selector, matching type and hexadecimal digits, which blanks may part (RFC 6698 §2.2), as
/// one text; nullopt: something else.
std::optional<std::string> tlsa_of(const std::vector<std::string>& data) {
  constexpr std::size_t numbers = 3;
  if (data.size() <= numbers) return std::nullopt;
  std::string text;
  for (std::size_t i = 0; i < numbers; ++i) {
    const auto number = parse_number(data[i]);
    if (!number || *number > 255) return std::nullopt;
    text += fmt::format("{} ", *number);
  }
  std::string digits;
  for (std::size_t i = numbers; i < data.size(); ++i) digits += data[i];
  const bool hexadecimal =
      std::ranges::all_of(digits, [](char c) { return hex_value(c).has_value(); });
  if (digits.empty() || digits.size() % 2 != 0 || !hexadecimal) return std::nullopt;
  return text + digits;
}

/// Flags, tag and value (RFC 8659 §4.1.1), as of dns::Answer; nullopt: something else.
std::optional<std::string> caa_of(const std::vector<std::string>& data) {
  if (data.size() != 3 || data[1].empty()) return std::nullopt;
  const auto flags = parse_number(data[0]);
  if (!flags || *flags > 255 || !std::ranges::all_of(data[1], is_alnum)) return std::nullopt;
  return fmt::format("{} {} {}", *flags, lower(data[1]), data[2]);
}

class ZoneReader {
 public:
  Result<std::string> read(std::string_view text) {
    Lexer lexer(text);
    while (const std::optional<Entry> entry = lexer.next()) {
      const Result<void> taken = take(*entry);
      if (!taken) {
        return fail(Fault::malformed,
                    fmt::format("line {}: {}", entry->line, taken.error().message));
      }
    }
    if (!lexer.trouble().empty()) return fail(Fault::malformed, lexer.trouble());
    // Wrapped in an object, as a name like "dns" could be taken for a wrapper.
    return json::serialize(json::object{{"zone", std::move(zone_)}});
  }

 private:
  std::string complete(const std::string& name) const {
    if (name == "@") return origin_;
    if (name.ends_with('.')) return name.substr(0, name.size() - 1);
    return origin_.empty() ? name : name + "." + origin_;
  }

  Result<void> take(const Entry& entry) {
    const std::vector<std::string>& words = entry.words;
    if (words.front().starts_with('$')) return take_directive(words);
    std::size_t i = 0;
    if (entry.own_name) owner_ = lower(complete(words[i++]));
    if (owner_.empty()) return fail(Fault::malformed, "a record needs a name");
    while (i < words.size() && (is_ttl(words[i]) || iequals(words[i], "IN"))) ++i;
    if (i == words.size()) return fail(Fault::malformed, "a record needs a type");
    const std::string type = upper(words[i]);
    return take_record(type, {words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end()});
  }

  Result<void> take_directive(const std::vector<std::string>& words) {
    const std::string name = upper(words.front());
    if (name == "$TTL") return {};
    if (name != "$ORIGIN" || words.size() != 2) {
      return fail(Fault::malformed,
                  fmt::format("`{}` is not supported", printable(words.front(), 64)));
    }
    origin_ = complete(words[1]);
    return {};
  }

  Result<void> take_record(const std::string& type, const std::vector<std::string>& data) {
    json::value record;
    if (type == "TXT" && !data.empty()) {
      json::array strings;
      for (const std::string& text : data) strings.push_back(policy::octets_json(text));
      record = std::move(strings);
    } else if ((type == "A" || type == "AAAA") && data.size() == 1) {
      const Result<IpAddress> address = IpAddress::parse(data[0]);
      if (!address) return tl::unexpected(address.error());
      record = data[0];
    } else if ((type == "CNAME" || type == "NS" || type == "PTR") && data.size() == 1) {
      record = complete(data[0]);
    } else if (type == "MX" && data.size() == 2 && parse_number(data[0])) {
      json::array pair;
      pair.emplace_back(data[0]);
      pair.emplace_back(complete(data[1]));
      record = std::move(pair);
    } else if (const auto tlsa = tlsa_of(data); type == "TLSA" && tlsa) {
      record = *tlsa;
    } else if (const auto caa = caa_of(data); type == "CAA" && caa) {
      record = policy::octets_json(*caa);
    } else if (dns::parse_type(type) || !is_type(type)) {
      return fail(Fault::malformed, fmt::format("this is not a record: {} {}", printable(type, 64),
                                                data.empty() ? "" : printable(data[0], 64)));
    } else if (!dns::is_record_type(type)) {
      return fail(Fault::malformed, "there is no record type " + printable(type, 64));
    } else {
      return {};  // SOA and the like are never queried
    }
    json::value& name = zone_[owner_];
    if (!name.is_object()) name.emplace_object();
    json::value& records = name.as_object()[type];
    if (!records.is_array()) records.emplace_array();
    records.as_array().push_back(std::move(record));
    return {};
  }

  json::object zone_;
  std::string origin_;
  std::string owner_;
};

}  // namespace

Result<std::string> zone_to_json(std::string_view text) { return ZoneReader().read(text); }

}  // namespace postern::app
