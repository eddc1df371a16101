#include "policy/questions/helo_valid.h"

#include "base/ip.h"
#include "mail/hostname.h"

namespace postern::policy::questions {

NameForm name_form(std::string_view name) {
  if (name.empty()) return NameForm::missing;
  if (name.starts_with('[')) {
    return mail::is_address_literal(name) ? NameForm::literal : NameForm::broken_literal;
  }
  if (mail::is_fqdn(name)) return NameForm::fqdn;
  if (mail::is_hostname(name)) return NameForm::name;
  if (name.ends_with('.')) name.remove_suffix(1);  // as Postfix does
  return IpAddress::from_text(name) ? NameForm::address : NameForm::invalid;
}

bool HeloValid::is_valid() const {
  return form == NameForm::name || form == NameForm::address || is_fully_qualified();
}

bool HeloValid::is_fully_qualified() const {
  return form == NameForm::fqdn || form == NameForm::literal;
}

std::string_view HeloValid::words() const {
  switch (form) {
    case NameForm::missing:
      return "no name was given";
    case NameForm::name:
      return "a valid name";
    case NameForm::fqdn:
      return "fully qualified";
    case NameForm::literal:
      return "an address literal";
    case NameForm::broken_literal:
      return "invalid ip address";
    case NameForm::address:
      return "an address without brackets";
    case NameForm::invalid:
      break;
  }
  return "no valid name";
}

}  // namespace postern::policy::questions
