#pragma once

#include "store/database.h"

namespace postern::store {

/// delivery.db.
const Schema& delivery_schema();

/// The message whose links lead to the file `?` was accepted. Also part of the commit that puts it
/// into an inbox.
inline constexpr std::string_view keep_links =
    "UPDATE attachment SET expires_at = kept_until "
    "WHERE path = ? AND kept_until > expires_at AND webhook_id <> ''";

}  // namespace postern::store
