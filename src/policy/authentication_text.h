// SPF, DKIM, DMARC and ARC verdicts in one line each, for traces, explanations and the command
// line.
#pragma once

#include <string>

#include "policy/evidence.h"

namespace postern::policy {

/// Foreign names in them are printable ASCII of limited length.
std::string describe(const mailauth::spf::Result& result);
std::string describe(const mailauth::dkim::SignatureResult& signature);
std::string describe(const mailauth::dkim::Results& results);  ///< the first five
std::string describe(const mailauth::dmarc::Result& result);
std::string describe(const mailauth::arc::Verdict& verdict);

}  // namespace postern::policy
