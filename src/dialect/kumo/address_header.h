// The addresses of a header field as hooks see them: `AddressHeader` and, in its list,
// `HeaderAddress`.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

/// What a field says: `{"Address": {"name", "address"}}` or `{"Group": {"name", "addresses"}}` for
/// each entry, as records and `tostring` have it. Names and addresses may be null.
struct AddressHeader {
  script::json::array entries;
};
/// One of its addresses: `{"name", "address"}`.
struct HeaderAddress {
  script::json::object data;
};

/// Message:get_address_header() and its like, and what their results can do.
script::HostTable address_header_functions();

}  // namespace postern::dialect::kumo

namespace postern::script {
template <>
struct ClassName<dialect::kumo::AddressHeader> {
  static constexpr std::string_view value = "AddressHeader";
};
template <>
struct ClassName<dialect::kumo::HeaderAddress> {
  static constexpr std::string_view value = "HeaderAddress";
};
}  // namespace postern::script
