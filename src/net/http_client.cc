#include "net/http_client.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/query.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "base/owned.h"
#include "base/text.h"
#include "net/curl_loop.h"
#include "net/ran_out.h"

namespace postern::net {
namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

namespace {

using List = Owned<curl_slist, curl_slist_free_all>;

void append(List& list, const std::string& line) {
  curl_slist* const longer = curl_slist_append(list.get(), line.c_str());
  if (longer == nullptr) throw std::bad_alloc();
  list.release();
  list.reset(longer);
}

std::optional<IpAddress> ip_of_socket(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof v4);
    return IpAddress::v4(ntohl(v4.sin_addr.s_addr));
  }
  if (address.sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, &address, sizeof v6);
    std::array<std::uint8_t, 16> octets;
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return IpAddress::v6(octets);
  }
  return std::nullopt;
}

/// `+host:port:address,…` gives libcurl the addresses of this name; `+` lets them expire as usual.
std::string pin(const HttpTarget& target, const std::vector<IpAddress>& addresses) {
  std::string line = fmt::format("+{}:{}:", target.host, target.port);
  for (std::size_t i = 0; i < addresses.size(); ++i) {
    if (i > 0) line += ',';
    line += addresses[i].is_v4() ? addresses[i].to_string() : "[" + addresses[i].to_string() + "]";
  }
  return line;
}

bool fit_for_a_header(const std::pair<std::string, std::string>& field) {
  const auto& [name, value] = field;
  constexpr std::string_view separators = "()<>@,;:\\\"/[]?={} \t";
  return !name.empty() && std::all_of(name.begin(), name.end(), [&](char c) {
    return is_printable_ascii(c) && separators.find(c) == separators.npos;
  }) && value.find_first_of(std::string_view("\r\n\0", 3)) == std::string::npos;
}

bool fit_method(std::string_view method) {
  return !method.empty() && method != "CONNECT" && method != "HEAD" &&
         std::all_of(method.begin(), method.end(),
                     [](char c) { return (c >= 'A' && c <= 'Z') || c == '-'; });
}

}  // namespace

class HttpClient::Loop : public CurlLoop {
 public:
  using CurlLoop::CurlLoop;
};

/// One request in progress. Not movable: libcurl holds pointers to it.
struct HttpClient::Transfer final : CurlWaiter {
  Transfer(std::shared_ptr<Loop> on, const HttpClientOptions& with, const OutgoingRequest& what,
           std::vector<IpAddress> checked, Clock::time_point until)
      : loop(std::move(on)),
        options(with),
        request(what),
        addresses(std::move(checked)),
        deadline(until),
        timer(loop->executor(), until),
        easy(curl_easy_init()) {
    if (!easy) throw std::bad_alloc();
  }
  ~Transfer() {
    if (added) loop->remove(easy.get());
  }
  Transfer(const Transfer&) = delete;
  Transfer& operator=(const Transfer&) = delete;

  void prepare(const HttpTarget& target);
  void prepare_octets();
  void prepare_guard();
  void start() {
    loop->add(easy.get());
    added = true;
  }
  void finished(CURLcode code) override {
    result_code = code;
    done = true;
    timer.cancel();
  }
  bool allowed(const std::optional<IpAddress>& address, bool pinned);
  std::size_t take_header(std::string_view line);
  std::size_t take_body(std::string_view octets);
  HttpResult result();

  template <class T>
  void set(CURLoption option, T value) {
    curl_easy_setopt(easy.get(), option, value);
  }

  std::shared_ptr<Loop> loop;
  const HttpClientOptions& options;
  const OutgoingRequest& request;
  std::vector<IpAddress> addresses;
  Clock::time_point deadline;
  asio::steady_timer timer;
  Owned<CURL, curl_easy_cleanup> easy;
  List headers;
  List pins;
  std::uint64_t sent = 0;
  std::size_t header_octets = 0;
  bool added = false;
  bool done = false;
  bool header_done = false;
  CURLcode result_code = CURLE_OK;
  bool exhausted = false;  ///< no socket could be opened for the connection
  std::string blocked;     ///< the address refused at connect time
  HttpResult response;
};

bool HttpClient::Transfer::allowed(const std::optional<IpAddress>& address, bool pinned) {
  const bool known = !pinned || (address && std::find(addresses.begin(), addresses.end(),
                                                      *address) != addresses.end());
  if (address && known && !options.egress.refuses(*address)) return true;
  blocked = address ? address->to_string() : "of an unknown family";
  return false;
}

std::size_t HttpClient::Transfer::take_header(std::string_view line) {
  constexpr std::size_t limit = 64 * 1024;
  header_octets += line.size();
  if (header_octets > limit) return 0;
  const std::string_view text = trim(line);
  if (istarts_with(text, "HTTP/")) {  // also of an interim response (RFC 9110 §15.2)
    response.headers.clear();
  } else if (const std::size_t colon = line.find(':'); colon != std::string_view::npos) {
    std::string_view value = line.substr(colon + 1);
    while (!value.empty() && (value.front() == ' ' || value.front() == '\t'))
      value.remove_prefix(1);
    while (!value.empty() && (value.back() == '\r' || value.back() == '\n')) value.remove_suffix(1);
    response.headers.emplace_back(std::string(trim(line.substr(0, colon))), std::string(value));
  } else if (text.empty()) {
    long status = 0;
    curl_easy_getinfo(easy.get(), CURLINFO_RESPONSE_CODE, &status);
    if (status >= 200 && !header_done) {
      header_done = true;
      response.status = static_cast<int>(status);
      curl_off_t wait = 0;
      curl_easy_getinfo(easy.get(), CURLINFO_RETRY_AFTER, &wait);
      if (wait > 0) response.retry_after = std::chrono::seconds(wait);
      timer.expires_at(std::min(deadline, Clock::now() + options.body_timeout));
    }
  }
  return line.size();
}

std::size_t HttpClient::Transfer::take_body(std::string_view octets) {
  const std::size_t room =
      request.response_limit.value_or(options.response_limit) - response.body.size();
  response.body += octets.substr(0, room);
  if (octets.size() <= room) return octets.size();
  response.body_cut = true;
  return 0;  // ends the transfer and the connection
}

void HttpClient::Transfer::prepare(const HttpTarget& target) {
  for (const auto& [name, value] : request.headers)
    append(headers, value.empty() ? name + ";" : fmt::format("{}: {}", name, value));
  append(headers, "Expect:");
  if (!target.address) {
    append(pins, pin(target, addresses));
    set(CURLOPT_RESOLVE, pins.get());
  }
  set(CURLOPT_PRIVATE, static_cast<CurlWaiter*>(this));
  set(CURLOPT_URL, target.url.c_str());
  set(CURLOPT_PATH_AS_IS, 1L);
  set(CURLOPT_PROTOCOLS_STR, options.egress.allow_http ? "https,http" : "https");
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_PROXY, "");  // otherwise proxies of the environment would bypass the guard
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_2TLS));
  set(CURLOPT_SSL_VERIFYPEER, 1L);
  set(CURLOPT_SSL_VERIFYHOST, 2L);
  set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
  if (!options.ca_file.empty()) set(CURLOPT_CAINFO, options.ca_file.c_str());
  set(CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options.connect_timeout.count()));
  set(CURLOPT_MAXAGE_CONN, 60L);
  set(CURLOPT_USERAGENT, options.user_agent.c_str());
  set(CURLOPT_HTTPHEADER, headers.get());
  prepare_octets();
  prepare_guard();
}

/// Sets the source of the body and the destination of the response.
void HttpClient::Transfer::prepare_octets() {
  if (request.method == "GET") {
    set(CURLOPT_HTTPGET, 1L);
  } else {
    set(CURLOPT_POST, 1L);
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size));
    if (request.method != "POST") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());
  }
  set(CURLOPT_READDATA, this);
  set(
      CURLOPT_READFUNCTION,
      +[](char* into, std::size_t size, std::size_t count, void* data) -> std::size_t {
        auto& self = *static_cast<Transfer*>(data);
        const std::uint64_t left = self.request.body.size - self.sent;
        const std::size_t room =
            static_cast<std::size_t>(std::min<std::uint64_t>(size * count, left));
        const std::size_t got = room == 0 ? 0 : self.request.body.read(self.sent, {into, room});
        if (got == 0 && room > 0) return CURL_READFUNC_ABORT;
        self.sent += got;
        return got;
      });
  // libcurl repeats a request after a failure on a reused connection. It cannot restart this body,
  // so that a POST never arrives twice (RFC 9110 §9.2.2); the sending MTA repeats the message.
  set(CURLOPT_SEEKFUNCTION, +[](void*, curl_off_t, int) -> int { return CURL_SEEKFUNC_FAIL; });
  set(CURLOPT_HEADERDATA, this);
  set(
      CURLOPT_HEADERFUNCTION,
      +[](char* text, std::size_t size, std::size_t count, void* data) -> std::size_t {
        return static_cast<Transfer*>(data)->take_header({text, size * count});
      });
  set(CURLOPT_WRITEDATA, this);
  set(
      CURLOPT_WRITEFUNCTION,
      +[](char* text, std::size_t size, std::size_t count, void* data) -> std::size_t {
        return static_cast<Transfer*>(data)->take_body({text, size * count});
      });
}

/// Sockets are opened by this code, and only for checked addresses.
void HttpClient::Transfer::prepare_guard() {
  loop->own_sockets(easy.get());
  set(CURLOPT_OPENSOCKETDATA, this);
  set(
      CURLOPT_OPENSOCKETFUNCTION,
      +[](void* data, curlsocktype, curl_sockaddr* address) -> curl_socket_t {
        auto& self = *static_cast<Transfer*>(data);
        if (!self.allowed(ip_of_socket(address->addr), true)) return CURL_SOCKET_BAD;
        const curl_socket_t opened = self.loop->open(*address);
        self.exhausted =
            opened == CURL_SOCKET_BAD && ran_out({errno, boost::system::system_category()});
        return opened;
      });
  // Checked again before the request is sent: a reused connection passes no other check.
  set(CURLOPT_PREREQDATA, this);
  set(
      CURLOPT_PREREQFUNCTION, +[](void* data, char* peer, char*, int, int) -> int {
        const Result<IpAddress> address = IpAddress::parse(peer);
        const bool good = static_cast<Transfer*>(data)->allowed(
            address ? std::optional<IpAddress>(*address) : std::nullopt, false);
        return good ? CURL_PREREQFUNC_OK : CURL_PREREQFUNC_ABORT;
      });
}

HttpResult HttpClient::Transfer::result() {
  if (!blocked.empty())
    return {.trouble = HttpTrouble::blocked, .detail = "blocked address " + blocked};
  if (header_done) {
    // The header is complete; a body that is too long, too slow or interrupted does not matter.
    response.body_cut = response.body_cut || !done || result_code != CURLE_OK;
    return std::move(response);
  }
  if (!done) return {.trouble = HttpTrouble::timeout, .detail = "no response in time"};
  const std::string detail = curl_easy_strerror(result_code);
  switch (result_code) {
    case CURLE_COULDNT_CONNECT:
      if (exhausted)
        return {.trouble = HttpTrouble::exhausted, .detail = "no socket can be opened"};
      return {.trouble = HttpTrouble::unreachable, .detail = detail};
    case CURLE_OPERATION_TIMEDOUT:
      return {.trouble = HttpTrouble::timeout, .detail = "no connection in time"};
    case CURLE_COULDNT_RESOLVE_HOST:
      return {.trouble = HttpTrouble::unresolved, .detail = detail};
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CERTPROBLEM:
      return {.trouble = HttpTrouble::tls, .detail = detail};
    default:
      return {.trouble = HttpTrouble::broken, .detail = detail};
  }
}

HttpBody HttpBody::of(std::string text) {
  const std::uint64_t size = text.size();
  return {.size = size,
          .read = [text = std::move(text)](std::uint64_t offset, std::span<char> into) {
            return text.copy(into.data(), into.size(), static_cast<std::size_t>(offset));
          }};
}

std::vector<std::string> HttpResult::values(std::string_view name) const {
  std::vector<std::string> found;
  for (const auto& [field, value] : headers)
    if (iequals(field, name)) found.push_back(value);
  return found;
}

HttpClient::HttpClient(asio::any_io_executor executor, dns::Resolver& resolver,
                       HttpClientOptions options)
    : options_(std::move(options)),
      resolver_(resolver),
      loop_(std::make_shared<Loop>(executor, static_cast<long>(options_.idle_connections))) {}

HttpClient::~HttpClient() = default;

Task<Result<std::vector<IpAddress>>> HttpClient::addresses_of(HttpTarget target,
                                                              std::chrono::milliseconds limit,
                                                              HttpTrouble* trouble) {
  using namespace asio::experimental::awaitable_operators;
  *trouble = HttpTrouble::none;
  if (target.address) co_return std::vector<IpAddress>{*target.address};
  if (is_localhost_name(target.host))  // RFC 6761 §6.3: never resolved by DNS
    co_return std::vector<IpAddress>{*IpAddress::parse("127.0.0.1"), *IpAddress::parse("::1")};
  dns::Question v4{.name = target.host, .type = dns::Type::a};
  dns::Question v6{.name = target.host, .type = dns::Type::aaaa};
  Task<dns::Answer> first = resolver_.lookup(std::move(v4), limit);
  Task<dns::Answer> second = resolver_.lookup(std::move(v6), limit);
  const auto [a, aaaa] = co_await (std::move(first) && std::move(second));
  std::vector<IpAddress> addresses;
  for (const dns::Answer* answer : {&a, &aaaa}) {
    if (is_localhost_name(answer->canonical_name) && !options_.egress.trusted) {
      *trouble = HttpTrouble::blocked;
      co_return fail(Fault::denied, fmt::format("{} is an alias of this machine", target.host));
    }
    for (const std::string& record : answer->records) {
      const Result<IpAddress> address = IpAddress::parse(record);
      if (!address) continue;
      // One refused address refuses the name: the others come from the same source.
      if (options_.egress.refuses(*address)) {
        *trouble = HttpTrouble::blocked;
        co_return fail(Fault::denied, fmt::format("{} has the blocked address {}", target.host,
                                                  address->to_string()));
      }
      addresses.push_back(*address);
    }
  }
  if (addresses.empty()) {
    *trouble = HttpTrouble::unresolved;
    const dns::Status status = a.trouble() ? a.status : aaaa.status;
    co_return fail(Fault::temporary,
                   fmt::format("{} has no address ({})", target.host, dns::to_string(status)));
  }
  co_return addresses;
}

Task<HttpResult> HttpClient::send(OutgoingRequest request) {
  const Clock::time_point deadline = Clock::now() + request.timeout;
  const Result<HttpTarget> target = parse_target(request.url, options_.egress);
  if (!target)
    co_return HttpResult{.trouble = HttpTrouble::blocked, .detail = target.error().message};
  if (!fit_method(request.method))
    co_return HttpResult{.trouble = HttpTrouble::broken, .detail = "no such method"};
  if (!std::all_of(request.headers.begin(), request.headers.end(), fit_for_a_header))
    co_return HttpResult{.trouble = HttpTrouble::broken, .detail = "a header field is malformed"};
  HttpTrouble trouble = HttpTrouble::none;
  Result<std::vector<IpAddress>> addresses =
      co_await addresses_of(*target, std::min(options_.connect_timeout, request.timeout), &trouble);
  if (!addresses) co_return HttpResult{.trouble = trouble, .detail = addresses.error().message};

  Transfer transfer(loop_, options_, request, std::move(*addresses), deadline);
  transfer.prepare(*target);
  transfer.start();
  while (!transfer.done && Clock::now() < transfer.timer.expiry()) {
    boost::system::error_code woken;
    co_await transfer.timer.async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  co_return transfer.result();
}

HttpClient& HttpClients::of(const asio::any_io_executor& executor) {
  asio::execution_context& loop = asio::query(executor, asio::execution::context);
  {
    const std::shared_lock lock(mutex_);
    if (const auto found = clients_.find(&loop); found != clients_.end()) return *found->second;
  }
  const std::unique_lock lock(mutex_);
  std::unique_ptr<HttpClient>& client = clients_[&loop];
  if (!client)
    client = std::make_unique<HttpClient>(static_cast<asio::io_context&>(loop).get_executor(),
                                          resolver_, options_);
  return *client;
}

}  // namespace postern::net
