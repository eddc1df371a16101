// Question: is what the client calls itself a valid name, and which kind?
#pragma once

#include <string_view>

#include "policy/evidence.h"

namespace postern::policy::questions {

/// The form of a HELO argument, or of the domain of an address. RFC 5321 §4.1.1.1, §4.1.3.
enum class NameForm {
  missing,
  name,            ///< a host name of one label
  fqdn,            ///< a host name with a dot inside
  literal,         ///< [192.0.2.1], [IPv6:2001:db8::1]
  broken_literal,  ///< begins with [ and is none
  address,         ///< an address without brackets
  invalid,
};
NameForm name_form(std::string_view name);

/// What a NameForm is worth, and how a trace says it.
struct HeloValid {
  NameForm form = NameForm::missing;

  bool is_valid() const;
  bool is_fully_qualified() const;  ///< a literal is
  /// For the trace: "fully qualified". Static.
  std::string_view words() const;
};
inline HeloValid helo_valid(std::string_view helo) { return {name_form(helo)}; }
inline HeloValid helo_valid(const Evidence& evidence) { return helo_valid(evidence.session.helo); }

}  // namespace postern::policy::questions
