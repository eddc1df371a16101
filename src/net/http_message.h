// HTTP requests and answers as the admin room sees them: values, without a socket or a library.
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

struct HttpRequest {
  std::string method;                 ///< "GET", "POST"...; a HEAD request arrives as GET
  std::string path;                   ///< decoded once, without the query
  std::vector<std::string> segments;  ///< of the path, decoded once: "/a/b/" is {"a", "b", ""}
  std::vector<std::pair<std::string, std::string>> query;    ///< decoded, in order
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, in order
  std::string body;
  IpAddress peer;
  /// Returns when the client has left: for a handler that waits for long, beside what it waits for.
  /// To be awaited once and before the answer; cancelled, it leaves the connection as it was.
  /// Unset: nobody leaves.
  std::function<Task<void>()> gone;

  /// The first field of this (lower-case) name.
  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
  /// The first parameter of this name.
  std::optional<std::string_view> parameter(std::string_view name) const {
    for (const auto& [key, value] : query) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

struct HttpResponse {
  /// A long body in pieces. An error in the middle closes the connection, short of `size`.
  struct Stream {
    /// nullopt: nobody knows; `next` may then wait for long. It is cancelled (as Asio does it: what
    /// it awaits ends with operation_aborted) when the client goes away or the server stops.
    std::optional<std::uint64_t> size;
    std::function<Task<Result<std::string>>()> next;  ///< an empty piece is the end
  };

  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;  ///< beyond those the server adds
  std::optional<Stream> stream;                              ///< instead of `body`
  std::shared_ptr<void> holds;  ///< released when the answer has gone out, or nobody wants it

  std::optional<std::string_view> header(std::string_view name) const {
    for (const auto& [key, value] : headers) {
      if (key == name) return value;
    }
    return std::nullopt;
  }
};

using HttpHandler = std::function<Task<HttpResponse>(HttpRequest)>;

}  // namespace postern::net
