// HTTP requests and responses as the admin room sees them: plain values without sockets.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/ip.h"
#include "base/task.h"

namespace postern::net {

/// One request.
struct HttpRequest {
  std::string method;  ///< "GET", "POST", ...; HEAD is given as GET
  std::string path;    ///< decoded once, without the query
  std::vector<std::string>
      segments;  ///< the path's segments, decoded once: "/a/b/" is {"a", "b", ""}
  std::vector<std::pair<std::string, std::string>> query;    ///< decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, in order
  /// Empty: none.
  std::string body;
  /// The client's address.
  IpAddress peer;
  /// Completes when the client has closed the connection: for a handler that waits long, to await
  /// beside its event. May be awaited once and before the answer; cancelling it leaves the
  /// connection intact. Unset: the client cannot close it.
  std::function<Task<void>()> gone;

  /// The value of the first field of this (lower-case) name; nullopt: absent.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
  /// The value of the first parameter of this name; nullopt: absent.
  std::optional<std::string_view> parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

/// One response.
struct HttpResponse {
  /// A long body in pieces. An error closes the connection before `size` octets.
  struct Stream {
    /// Octets; nullopt: unknown, and `next` may wait long. `next` is cancelled (what it awaits ends
    /// with operation_aborted) when the client closes the connection or the server stops.
    std::optional<std::uint64_t> size;
    std::function<Task<Result<std::string>>()> next;  ///< an empty piece ends the body
  };

  /// The status code (RFC 9110 §15).
  int status = 200;
  /// Ignored if `stream` is set.
  std::string body;
  /// The Content-Type field.
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  ///< besides those that the server adds
  std::optional<Stream> stream;                              ///< replaces `body`
  std::shared_ptr<void> holds;  ///< released when the answer is sent or the connection is lost

  /// The value of the first field of this name, compared with case; nullopt: absent.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

/// Answers a request; runs on the server's loop.
using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

}  // namespace postern::net
