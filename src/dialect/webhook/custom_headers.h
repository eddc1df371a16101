#pragma once

#include <map>
#include <optional>
#include <string>

#include "dialect/webhook/body_reader.h"

namespace postern::dialect::webhook {

/// The field custom_headers of a webhook body. nullopt: absent, or wrong with its sentence noted.
std::optional<std::map<std::string, std::string>> read_custom_headers(BodyReader& body);

/// Content-Type is the server's unless a template makes the body; judged on the result of a merge.
bool names_content_type(const std::map<std::string, std::string>& headers);

}  // namespace postern::dialect::webhook
