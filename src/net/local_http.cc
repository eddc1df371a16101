#include "net/local_http.h"

#include <memory>

#include <curl/curl.h>

#include "base/owned.h"

namespace postern::net {
namespace {

constexpr std::size_t most_local_octets = std::size_t{64} << 20;

struct Reader {
  CURL* easy = nullptr;
  const std::function<bool(std::string_view)>* sink = nullptr;
  std::string body;

  static std::size_t take(char* bytes, std::size_t one, std::size_t count, void* data) {
    auto* const self = static_cast<Reader*>(data);
    const std::string_view piece(bytes, one * count);
    long status = 0;
    curl_easy_getinfo(self->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 200 && *self->sink) return (*self->sink)(piece) ? piece.size() : 0;
    if (self->body.size() + piece.size() > most_local_octets) return 0;
    self->body += piece;
    return piece.size();
  }
};

}  // namespace

Result<LocalHttpAnswer> local_http(const LocalHttpRequest& request,
                                   const std::function<bool(std::string_view)>& sink) {
  const Owned<CURL, curl_easy_cleanup> easy(curl_easy_init());
  if (!easy) return fail(Fault::temporary, "out of memory");
  const Secret authorization("Authorization: Bearer " + request.bearer.reveal());
  Owned<curl_slist, curl_slist_free_all> headers;
  for (const char* line : {authorization.reveal().c_str(), "Content-Type: application/json",
                           "Accept: application/json", "Expect:"}) {
    if (request.bearer.empty() && line == authorization.reveal().c_str()) continue;
    curl_slist* const longer = curl_slist_append(headers.get(), line);
    if (longer == nullptr) return fail(Fault::temporary, "out of memory");
    headers.release();
    headers.reset(longer);
  }
  Reader reader{easy.get(), &sink, {}};
  const auto set = [&](CURLoption option, auto value) {
    curl_easy_setopt(easy.get(), option, value);
  };
  set(CURLOPT_URL, request.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, request.tls ? "http,https" : "http");
  set(CURLOPT_PROXY, "");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_CONNECTTIMEOUT, 5L);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(request.timeout.count()));
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  set(CURLOPT_WRITEFUNCTION, &Reader::take);
  set(CURLOPT_WRITEDATA, &reader);
  if (request.method != "GET") {
    set(CURLOPT_POSTFIELDS, request.body.c_str());
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
  }
  const CURLcode done = curl_easy_perform(easy.get());
  if (done == CURLE_URL_MALFORMAT || done == CURLE_UNSUPPORTED_PROTOCOL) {
    return fail(Fault::malformed, curl_easy_strerror(done));
  }
  if (done == CURLE_COULDNT_CONNECT) return fail(Fault::not_found, curl_easy_strerror(done));
  if (done == CURLE_OPERATION_TIMEDOUT && request.timeout.count() == 0) {  // of the connection
    return fail(Fault::not_found, curl_easy_strerror(done));
  }
  if (done != CURLE_OK) return fail(Fault::temporary, curl_easy_strerror(done));
  long status = 0;
  curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
  return LocalHttpAnswer{static_cast<int>(status), std::move(reader.body)};
}

}  // namespace postern::net
