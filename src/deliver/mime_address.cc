#include "deliver/mime_address.h"

#include <memory>

#include <gmime/gmime.h>

#include "base/text.h"
#include "deliver/gmime.h"

namespace postern::deliver {
namespace {

std::string text(const char* value) { return value == nullptr ? std::string() : std::string(value); }

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
    if (level.next >= internet_address_list_length(level.list)) {
      levels.pop_back();
      continue;
    }
    InternetAddress* entry = internet_address_list_get_address(level.list, level.next++);
    if (INTERNET_ADDRESS_IS_GROUP(entry)) {
      levels.push_back({internet_address_group_get_members(INTERNET_ADDRESS_GROUP(entry)), 0});
      continue;
    }
    if (out.size() >= limit) {
      notes.too_many = true;
      return;
    }
    const char* address = internet_address_mailbox_get_addr(INTERNET_ADDRESS_MAILBOX(entry));
    out.push_back({valid_utf8(text(internet_address_get_name(entry))), valid_utf8(text(address))});
  }
}

}  // namespace

void read_addresses(std::string_view field, Charsets& charsets, std::vector<Address>& out,
                    AddressNotes& notes) {
  (void)charsets;
  const std::string value(field);
  const std::unique_ptr<InternetAddressList, decltype(&g_object_unref)> list(
      internet_address_list_parse(gmime::options(), value.c_str()), &g_object_unref);
  if (list) flatten(list.get(), out, notes);
}

}  // namespace postern::deliver
