// Question: is a name a domain or below it? The answer is in `base`, since rooms below policy ask
// too.
#pragma once

#include "base/domain_below.h"

namespace postern::policy::questions {

using postern::domain_below;

}  // namespace postern::policy::questions
