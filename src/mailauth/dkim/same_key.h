// Whether a published key belongs to a private key.
#pragma once

#include <string_view>

#include "mailauth/dkim/key_record.h"

namespace mailauth::dkim {

/// Whether the record `own`, which publishes a private key, has the same public key as `published`.
/// Tags beside p= may differ (RFC 6376 §3.6.1).
bool same_key(const KeyRecord& published, std::string_view own);

}  // namespace mailauth::dkim
