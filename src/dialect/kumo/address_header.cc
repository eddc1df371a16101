#include "dialect/kumo/address_header.h"

#include "base/text.h"
#include "dialect/kumo/message.h"

namespace postern::dialect::kumo {

namespace {

using script::bind;
using script::Call;
using script::demand;
using AnAddressHeader = std::shared_ptr<AddressHeader>;
using Address = std::shared_ptr<HeaderAddress>;
using AMessage = std::shared_ptr<kumo::Message>;
using Text = std::optional<std::string>;

json::value text_or_null(const std::string& text) {
  return text.empty() ? json::value() : json::value(text);
}

json::array entries_of(const std::vector<HeaderText::Entry>& found) {
  json::array entries;
  for (const HeaderText::Entry& entry : found) {
    json::array addresses;
    for (const HeaderText::Address& one : entry.addresses) {
      addresses.push_back({{"name", text_or_null(one.name)}, {"address", text_or_null(one.email)}});
    }
    if (entry.group) {
      entries.push_back(
          {{"Group", {{"name", text_or_null(*entry.group)}, {"addresses", addresses}}}});
      continue;
    }
    for (const json::value& one : addresses) entries.push_back({{"Address", one}});
  }
  return entries;
}

AnAddressHeader header_named(Call& call, std::string_view name) {
  const json::value told = call.told_by("get_address_header", [&]() -> json::value {
    const HeaderText& text = hook_of(call).header_text;
    for (const auto& field : draft_with_header(call).header) {
      if (!iequals(field.name, name)) continue;
      return text.addresses != nullptr ? entries_of(text.addresses(field.value())) : json::array();
    }
    return nullptr;
  });
  return told.is_array() ? std::make_shared<AddressHeader>(told.get_array()) : nullptr;
}

AnAddressHeader get_address_header(Call& call, AMessage, std::string name) {
  return header_named(call, name);
}
AnAddressHeader from_header(Call& call, AMessage) { return header_named(call, "From"); }
AnAddressHeader to_header(Call& call, AMessage) { return header_named(call, "To"); }

Text member(const json::object& address, std::string_view name) {
  const json::value& value = address.at(name);
  return value.is_string() ? Text(value.get_string()) : std::nullopt;
}

/// The mailbox of an address with local part and domain.
mail::Mailbox parts_of(const json::object& address) {
  const Text email = member(address, "address");
  demand(email.has_value(), "there is a name and no address");
  const std::size_t at = email->rfind('@');
  demand(at != std::string::npos, "there is no @ in the address");
  return {email->substr(0, at), email->substr(at + 1)};
}

/// The only address. Throws if there are several: a script would otherwise check the first while
/// the reader sees another.
const json::object& single(const AddressHeader& header) {
  const json::value* only = nullptr;
  if (header.entries.size() == 1) only = header.entries[0].get_object().if_contains("Address");
  demand(only != nullptr, header.entries.empty()
                              ? "the field has no address"
                              : "the field is not a single simple address: see `list`");
  return only->get_object();
}

Text email(AnAddressHeader header) { return member(single(*header), "address"); }
Text name(AnAddressHeader header) { return member(single(*header), "name"); }
std::string user(AnAddressHeader header) { return parts_of(single(*header)).unquoted_local_part(); }
std::string domain(AnAddressHeader header) { return parts_of(single(*header)).domain; }
std::string header_json(AnAddressHeader header) { return json::serialize(header->entries); }

std::vector<Address> list(AnAddressHeader header) {
  std::vector<Address> all;
  for (const json::value& entry : header->entries) {
    const json::object& one = entry.get_object();
    if (const json::value* address = one.if_contains("Address")) {
      all.push_back(std::make_shared<HeaderAddress>(address->get_object()));
      continue;
    }
    for (const json::value& member : one.at("Group").at("addresses").as_array()) {
      all.push_back(std::make_shared<HeaderAddress>(member.as_object()));
    }
  }
  return all;
}

Text header_email(Address address) { return member(address->data, "address"); }
Text name_of(Address address) { return member(address->data, "name"); }
std::string header_user(Address address) { return parts_of(address->data).unquoted_local_part(); }
std::string header_domain(Address address) { return parts_of(address->data).domain; }
std::string address_json(Address address) { return json::serialize(address->data); }

constexpr script::HostFunction address_header_rows[] = {
    {"Message:get_address_header", "name: string", "AddressHeader|nil",
     "The addresses of the first field of that name; nil if there is none.",
     bind<&get_address_header>},
    {"Message:from_header", "", "AddressHeader|nil", "The addresses of From.", bind<&from_header>},
    {"Message:to_header", "", "AddressHeader|nil", "The addresses of To.", bind<&to_header>},
    {"AddressHeader.email", "", "string|nil",
     "The whole address; nil if there is only a name. Like `name`, `user` and `domain` it is an "
     "error unless the field is exactly one address and not a group.",
     bind<&email>},
    {"AddressHeader.name", "", "string|nil", "The display name, decoded; nil without one.",
     bind<&name>},
    {"AddressHeader.user", "", "string", "The local part, without quotes.", bind<&user>},
    {"AddressHeader.domain", "", "string", "The domain.", bind<&domain>},
    {"AddressHeader.list", "", "HeaderAddress[]",
     "All addresses of the field, including those in groups; empty for `undisclosed-recipients:;`.",
     bind<&list>},
    {"AddressHeader:__tostring", "", "string", "The entries of the field as JSON.",
     bind<&header_json>},
    {"HeaderAddress.email", "", "string|nil", "The whole address; nil where there is only a name.",
     bind<&header_email>},
    {"HeaderAddress.name", "", "string|nil", "The display name, decoded; nil without one.",
     bind<&name_of>},
    {"HeaderAddress.user", "", "string", "The local part, without quotes.", bind<&header_user>},
    {"HeaderAddress.domain", "", "string", "The domain.", bind<&header_domain>},
    {"HeaderAddress:__tostring", "", "string", "Name and address as JSON.", bind<&address_json>},
};

}  // namespace

script::HostTable address_header_functions() { return address_header_rows; }

}  // namespace postern::dialect::kumo
