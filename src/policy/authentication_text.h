// SPF, DKIM, DMARC and ARC verdicts as one line each, for traces, explanations and the command
// line.
#pragma once

#include <string>

#include "policy/evidence.h"

namespace postern::policy {

/// Octets of a foreign name in a reply or a trace.
inline constexpr std::size_t longest_shown = 128;

/// One line. Names that come from outside are limited in length and reduced to printable ASCII.
std::string describe(const mailauth::spf::Result& result);
/// The same for a signature.
std::string describe(const mailauth::dkim::SignatureResult& signature);
std::string describe(const mailauth::dkim::Results& results);  ///< at most five signatures
/// The same for DMARC.
std::string describe(const mailauth::dmarc::Result& result);
/// The same for ARC.
std::string describe(const mailauth::arc::Verdict& verdict);

}  // namespace postern::policy
