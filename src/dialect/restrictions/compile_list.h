// Compiles keywords to rules. Private to this folder.
#pragma once

#include <memory>
#include <string_view>

#include "base/error.h"
#include "dialect/restrictions/rules.h"

namespace postern::dialect::restrictions {

/// Compiles the keywords and classes in an access table's value. Tables are not allowed in it.
Result<std::shared_ptr<const List>> compile_action_list(std::string_view value,
                                                        const ListPolicy& policy);

}  // namespace postern::dialect::restrictions
