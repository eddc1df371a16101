// The addresses of a header field as hooks see them: `AddressHeader`, a list of `HeaderAddress`.
#pragma once

#include "script/bind.h"

namespace postern::dialect::kumo {

/// The parsed value of an address field (RFC 5322 §3.4), in the form that records and `tostring`
/// use.
struct AddressHeader {
  /// `{"Address": {"name", "address"}}` or `{"Group": {"name", "addresses"}}`; names and addresses
  /// may be null.
  script::json::array entries;
};
/// One address of such a field.
struct HeaderAddress {
  script::json::object data;  ///< `{"name", "address"}`; either may be null
};

/// Message:get_address_header(), :from_header(), :to_header(), and the methods of their results.
script::HostTable address_header_functions();

}  // namespace postern::dialect::kumo

namespace postern::script {
/// Registers `AddressHeader` as a class of scripts.
template <>
struct ClassName<dialect::kumo::AddressHeader> {
  static constexpr std::string_view value = "AddressHeader";  ///< its name there
};
/// Registers `HeaderAddress` as a class of scripts.
template <>
struct ClassName<dialect::kumo::HeaderAddress> {
  static constexpr std::string_view value = "HeaderAddress";  ///< its name there
};
}  // namespace postern::script
