// Errors that cross a module boundary. An outcome that the protocol names (a wrong password, an SPF
// fail) has its own type; every other failure is a Result<T>.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace postern {

/// The kind of an error. Callers react to the kind alone. Only smtp::reply_for(Fault) maps it to a
/// reply code; the client never sees the message.
enum class Fault {
  malformed,  ///< the input does not match its grammar
  limit,      ///< a configured limit is exceeded
  temporary,  ///< a retry may succeed: a time-out, a full queue, a locked database
  permanent,  ///< a retry will fail too: a disk error, a missing file
  denied,     ///< refused on purpose
  not_found,  ///< the named object does not exist
  conflict,   ///< the name is taken, or the version is stale
  bug,        ///< an invariant is broken
  disk_full,  ///< no space on the disk, or a quota is used up; a retry succeeds once there is space
  unreachable,  ///< the database of the cluster cannot be reached now; nothing is damaged
  damaged,      ///< stored octets are missing, or are not those that were stored
};

/// A fault and one sentence for the log. The sentence never contains a secret.
struct Error {
  Fault fault = Fault::bug;  ///< the kind
  std::string message;       ///< one sentence, without a final dot
};

/// A value or an Error. Becomes std::expected once the code is C++23.
template <class T>
using Result = tl::expected<T, Error>;

/// An Error to return where a Result is expected.
inline tl::unexpected<Error> fail(Fault fault, std::string message) {
  return tl::unexpected<Error>(Error{fault, std::move(message)});
}
/// fail() with Fault::malformed.
inline tl::unexpected<Error> malformed(std::string message) {
  return fail(Fault::malformed, std::move(message));
}

}  // namespace postern
