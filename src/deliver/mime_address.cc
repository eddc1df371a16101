#include "deliver/mime_address.h"

#include <algorithm>
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

/// Groups are flattened; GMime nests them, so this has a stack.
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

/// As GMime wants it: it stops at a semicolon outside a group, drops an address with octets that
/// are not UTF-8, and recurses into groups inside groups (which RFC 5322 §3.4 does not have) until
/// the stack ends.
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

}  // namespace

void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes) {
  const std::string value = repaired(field, charsets, notes);
  const std::size_t before = out.size();
  parse(value, out, notes);
  // For GMime there is no address in `John Doe john@example.com` either.
  if (out.size() == before && value.find('@') != std::string::npos &&
      value.find_first_of("<:;(),\"") == std::string::npos) {
    const std::size_t word = value.rfind(' ', value.rfind('@')) + 1;
    if (word > 0) parse(std::string(value).insert(word, "<"), out, notes);
  }
  // A name alone is no address for GMime.
  if (out.size() == before && value.find_first_of("@:;(),") == std::string::npos) {
    std::string name = decode_words(value, charsets, notes.words);
    std::erase_if(name, [](char c) { return c == '"' || c == '<' || c == '>'; });
    if (!trim(name).empty()) out.push_back({std::string(trim(name)), ""});
  }
}

}  // namespace postern::deliver
