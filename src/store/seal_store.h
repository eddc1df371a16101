// Which secrets of a cluster's database are sealed, and with which key.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "net/pgsql_session.h"
#include "store/secret_seal.h"

namespace postern::store {

/// Whether a column of the control plane holds what SecretSeal seals.
bool is_sealed(std::string_view table, std::string_view column);

/// The name of the key that the database's secrets are sealed with; empty: they are not.
/// Fault::unreachable.
Result<std::string> sealed_with(net::PgsqlSession& session);
/// Whether secrets can be read and written: the database is sealed with this key, or is not and
/// `seal` is null. Waits for the end of seal_store(). Fault::denied, with what to do.
Result<void> check_seal(net::PgsqlSession& session, const SecretSeal* seal);

/// Seals all secrets with the first key, in one transaction, as the role that owns the tables; what
/// another key of the file has sealed is sealed anew. Returns how many values that were. 0: it was
/// done before. Fault::denied: they are sealed with a key that is not in the file;
/// Fault::temporary: a gateway lives; Fault::malformed: a value is damaged; Fault::unreachable.
Result<std::uint64_t> seal_store(net::PgsqlSession& session, const SecretSeal& seal);

}  // namespace postern::store
