#include "net/policy_client.h"

#include "base/text.h"
#include "net/exchange.h"

namespace postern::net {

namespace {

constexpr std::size_t max_answer = 4096;

/// An empty line ends the answer.
std::size_t answer_size(std::string_view so_far) {
  const std::size_t end = so_far.find("\n\n");
  return end == std::string_view::npos ? 0 : end + 2;
}

/// The value of `action=...` in the answer.
Result<std::string> action_in(std::string_view answer) {
  for (std::string_view line : split(answer, '\n')) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (istarts_with(line, "action=")) return std::string(trim(line.substr(7)));
  }
  return fail(Fault::malformed, "an answer without action=");
}

}  // namespace

Task<Result<std::string>> ask_policy_server(std::string service, std::string request,
                                            std::chrono::milliseconds limit) {
  const Result<std::string> answer =
      co_await exchange(std::move(service), std::move(request), answer_size, max_answer, limit);
  if (!answer) co_return tl::unexpected(answer.error());
  co_return action_in(*answer);
}

}  // namespace postern::net
