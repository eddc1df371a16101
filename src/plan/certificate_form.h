// What of a certificate does not need the evaluation of the lists: its classes, its questions and
// their answers.
#pragma once

#include <functional>

#include "plan/certificate_text.h"
#include "plan/certified_pair.h"

namespace postern::plan::certified {

/// Gives the patterns of free questions their regular expressions. Whether rules are questions:
/// what these ask is not in the certificate. Throws Wrong.
bool check_form(CertificateText& text, const CertifiedPair& pair);

/// Whether the classes are those that these versions have: what is said of two keys together would
/// not be seen where they have no classes of their own. `poll` is called every now and then, and
/// may throw.
bool has_classes(const CertificateText& text, const CertifiedPair& pair,
                 const std::function<void()>& poll);

}  // namespace postern::plan::certified
