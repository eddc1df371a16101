// Errors between rooms. An outcome the protocol names (a wrong password, an SPF fail) is a value of
// its own; what may go wrong at a room's edge travels as Result<T>.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace postern {

/// What kind of trouble it is; the caller's reaction depends on this alone. Only
/// smtp::reply_for(Fault) turns it into a reply code, and the client never sees the sentence.
enum class Fault {
  malformed,  ///< the input is not what its grammar says
  limit,      ///< a configured limit is exceeded
  temporary,  ///< may work later: a time-out, a full queue, a locked database
  permanent,  ///< will not work again: disk error, missing file
  denied,     ///< refused on purpose
  not_found,  ///< the thing named does not exist
  conflict,   ///< somebody else holds the name, or the version is stale
  bug,        ///< an invariant is broken
};

/// A fault and one sentence for the log. The sentence never holds a secret.
struct Error {
  Fault fault = Fault::bug;
  std::string message;
};

/// A value or an Error. In C++20 there is no std::expected; change the alias here when there is.
template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> fail(Fault fault, std::string message) {
  return tl::unexpected<Error>(Error{fault, std::move(message)});
}

}  // namespace postern
