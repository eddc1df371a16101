#include "deliver/mime_address.h"

#include <algorithm>
#include <deque>
#include <memory>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

std::string text(const char* value) {
  std::string out = valid_utf8(value == nullptr ? "" : value);
  for (char& c : out) {
    if (c == '\r' || c == '\n') c = ' ';
  }
  return out;
}

/// Flattens groups with a stack, since GMime nests them.
void flatten(InternetAddressList* list, std::vector<Address>& out, AddressNotes& notes) {
  struct Level {
    InternetAddressList* list;
    int next;
  };
  const std::size_t limit = out.size() + max_addresses;
  std::vector<Level> levels{{list, 0}};
  while (!levels.empty()) {
    Level& level = levels.back();
    if (levels.size() > 1) notes.groups.back().end = out.size();
    if (level.next >= internet_address_list_length(level.list)) {
      levels.pop_back();
      continue;
    }
    InternetAddress* entry = internet_address_list_get_address(level.list, level.next++);
    if (INTERNET_ADDRESS_IS_GROUP(entry)) {
      if (levels.size() == 1) {
        if (notes.groups.size() >= max_addresses) {
          notes.too_many = true;
          return;
        }
        notes.groups.push_back({text(internet_address_get_name(entry)), out.size(), out.size()});
      }
      levels.push_back({internet_address_group_get_members(INTERNET_ADDRESS_GROUP(entry)), 0});
      continue;
    }
    if (out.size() >= limit) {
      notes.too_many = true;
      return;
    }
    const char* address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(entry));
    out.push_back({text(internet_address_get_name(entry)), text(address)});
  }
}

/// Adapts the field to GMime, which stops at a semicolon outside a group, drops addresses that are
/// not UTF-8, and recurses into nested groups (not in RFC 5322 §3.4) until the stack overflows.
std::string repaired(std::string_view text, Charsets& charsets, AddressNotes& notes) {
  const std::string field = relabelled(text, notes.words);
  std::string out;
  bool quoted = false;
  bool group = false;
  bool angle = false;
  for (std::size_t at = 0; at < field.size();) {
    const std::size_t end = std::min(field.find_first_of(" <>,;:\"", at), field.size());
    const std::string_view word = std::string_view(field).substr(at, end - at);
    const bool address = word.find('@') != std::string_view::npos;
    out += address ? valid_utf8(word) : charsets.decode_unlabelled(word, notes.words.charset);
    at = end + 1;
    if (end == field.size()) break;
    char c = field[end];
    if (c == '"') quoted = !quoted;
    if (c == '<' || c == '>') angle = c == '<';
    if (c == ';' && !quoted && !std::exchange(group, false)) c = ',';
    if (c == ':' && !angle && std::exchange(group, true)) c = ' ';
    out += c;
  }
  return out;
}

void parse(const std::string& value, std::vector<Address>& out, AddressNotes& notes) {
  const std::unique_ptr<InternetAddressList, decltype(&g_object_unref)> list(
      internet_address_list_parse(gmime::options(), value.c_str()), &g_object_unref);
  if (list) flatten(list.get(), out, notes);
}

/// Parses the addresses of a field one at a time: from each word without an address, GMime searches
/// ahead for an address that the word may name, which is quadratic in the length of the field.
class List {
 public:
  List(const std::string& value, std::vector<Address>& out, AddressNotes& notes)
      : value_(value), out_(out), notes_(notes), limit_(out.size() + max_addresses) {}

  void read() {
    std::size_t begin = 0;
    bool quoted = false;
    bool angle = false;
    bool literal = false;
    std::size_t comment = 0;
    for (std::size_t at = 0; at < value_.size() && !notes_.too_many; ++at) {
      const char c = value_[at];
      if (c == '\\') {
        ++at;
      } else if (quoted) {
        quoted = c != '"';
      } else if (comment > 0) {
        comment += c == '(' ? 1 : 0;
        comment -= c == ')' ? 1 : 0;
      } else if (c == '"') {
        quoted = true;
      } else if (c == '(') {
        comment = 1;
      } else if (c == '<' || c == '>') {
        angle = c == '<';
      } else if (c == '[' || c == ']') {
        literal = c == '[';
      } else if (!angle && !literal && (c == ',' || c == ';' || c == ':')) {
        if (c == ':') {
          begin_group(begin, at);
        } else {
          piece(begin, at);
          if (c == ';') end_group();
        }
        begin = at + 1;
      }
    }
    piece(begin, value_.size());
    end_group();
  }

 private:
  /// With more commas, a piece is a list of names, not one name with unquoted commas.
  static constexpr std::ptrdiff_t most_commas = 16;

  void one(std::string_view text) {
    if (trim(text).empty()) return;
    if (out_.size() >= limit_) {
      notes_.too_many = true;
      return;
    }
    parse(std::string(text), out_, notes_);
  }

  void names_alone() {
    for (const std::string_view name : names_) one(name);
    names_.clear();
  }

  /// `Doe, John <john@example.com>` is one address whose name lacks quotes.
  void piece(std::size_t begin, std::size_t end) {
    const std::string_view text =
        std::string_view(value_).substr(std::min(begin, end), end - begin);
    if (std::ranges::count(text, ',') > most_commas) {
      names_alone();
      for (const std::string_view part : split(text, ',')) one(part);
    } else if (text.find_first_of("<@") == std::string_view::npos) {
      names_.push_back(text);
      if (names_.size() <= most_commas) return;
      one(names_.front());
      names_.pop_front();
    } else if (text.find('<') != std::string_view::npos && !names_.empty()) {
      const auto first = static_cast<std::size_t>(names_.front().data() - value_.data());
      names_.clear();
      one(std::string_view(value_).substr(first, end - first));
    } else {
      names_alone();
      one(text);
    }
  }

  void begin_group(std::size_t begin, std::size_t end) {
    names_alone();
    const std::size_t before = notes_.groups.size();
    parse(value_.substr(begin, end - begin) + ":;", out_, notes_);
    in_group_ = notes_.groups.size() > before;
  }

  void end_group() {
    names_alone();
    if (std::exchange(in_group_, false)) notes_.groups.back().end = out_.size();
  }

  const std::string& value_;
  std::vector<Address>& out_;
  AddressNotes& notes_;
  const std::size_t limit_;
  std::deque<std::string_view> names_;  // of `value_`: may be the start of the next address's name
  bool in_group_ = false;
};

}  // namespace

void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes) {
  const std::string value = repaired(field, charsets, notes);
  const std::size_t before = out.size();
  List(value, out, notes).read();
  // GMime does not find the address in `John Doe john@example.com`.
  if (out.size() == before && value.find('@') != std::string::npos &&
      value.find_first_of("<:;(),\"") == std::string::npos) {
    const std::size_t word = value.rfind(' ', value.rfind('@')) + 1;
    if (word > 0) parse(std::string(value).insert(word, "<"), out, notes);
  }
  // GMime ignores an entry that is only a name.
  if (out.size() == before && value.find_first_of("@:;(),") == std::string::npos) {
    std::string name = decode_words(value, charsets, notes.words);
    std::erase_if(name, [](char c) { return c == '"' || c == '<' || c == '>'; });
    if (!trim(name).empty()) out.push_back({std::string(trim(name)), ""});
  }
}

}  // namespace postern::deliver
