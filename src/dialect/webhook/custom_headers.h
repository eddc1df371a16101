#pragma once

#include <map>
#include <optional>
#include <string>

#include "dialect/webhook/body_reader.h"

namespace postern::dialect::webhook {

/// Reads the field custom_headers. nullopt: absent, or invalid with an error in `body`.
std::optional<std::map<std::string, std::string>> read_custom_headers(BodyReader& body);

/// Whether Content-Type is among them, which is only allowed with a payload template. For the
/// merged webhook.
bool names_content_type(const std::map<std::string, std::string>& headers);

}  // namespace postern::dialect::webhook
