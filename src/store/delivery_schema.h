#pragma once

#include "store/database.h"

namespace postern::store {

/// The schema of delivery.db.
const Schema& delivery_schema();

/// SQL, with the path `?`: extends the links of an accepted message. Runs also in the commit that
/// puts the message into an inbox.
inline constexpr std::string_view keep_links =
    "UPDATE attachment SET expires_at = kept_until "
    "WHERE path = ? AND kept_until > expires_at AND webhook_id <> ''";

}  // namespace postern::store
