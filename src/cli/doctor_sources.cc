#include "cli/doctor_sources.h"

#include <memory>

#include "cli/live_data.h"
#include "cli/queue_access.h"
#include "net/http_client.h"
#include "serve/acting_owner.h"

namespace postern::app {

namespace {

namespace json = boost::json;

Task<void> answer_into(dns::Resolver& resolver, dns::Question question,
                       std::chrono::milliseconds timeout, dns::Answer& into) {
  into = co_await resolver.lookup(std::move(question), timeout);
}

Task<void> fetch_into(MailDns& dns, std::string url, doctor::Fetched& into) {
  net::HttpClient client(dns.executor(), dns.resolver(), {});
  net::OutgoingRequest request;
  request.url = std::move(url);
  request.method = "GET";
  request.timeout = std::chrono::seconds(10);
  const net::HttpResult result = co_await client.send(std::move(request));
  if (result.trouble != net::HttpTrouble::none) {
    into.trouble = result.detail;
  } else if (result.body_cut) {
    into.trouble = "the file is longer than 64 KiB, or was cut";
  }
  into.status = result.status;
  if (const auto types = result.values("Content-Type"); !types.empty()) into.type = types.front();
  into.text = result.body;
}

/// What a command of `postern queue` answers.
Result<json::object> of_queue(const std::filesystem::path& data_dir,
                              QueueResult<json::object> (QueueAccess::*question)()) {
  auto queue = open_queue(data_dir.string());
  if (!queue) return fail(Fault::temporary, queue.error().message);
  auto answer = ((**queue).*question)();
  if (!answer) return fail(Fault::temporary, answer.error().message);
  return std::move(*answer);
}

}  // namespace

doctor::Sources doctor_sources(const std::filesystem::path& data_dir, MailDns* dns,
                               std::chrono::milliseconds dns_timeout) {
  doctor::Sources sources;
  sources.gateway = [data = std::make_shared<const LiveData>(data_dir)](std::string_view question,
                                                                        const json::object& given) {
    return data->ask_gateway(question, given);
  };
  sources.destinations = [data_dir] { return of_queue(data_dir, &QueueAccess::destinations); };
  sources.databases = [data_dir]() -> std::vector<backup::DatabaseState> {
    const auto owner = ActingOwner::of(data_dir.string());
    if (owner) return backup::look_at_databases(data_dir);
    return {{.name = data_dir.string(), .trouble = owner.error().message, .wrong = {}}};
  };
  sources.verification = [data_dir] { return of_queue(data_dir, &QueueAccess::verify); };
  if (dns == nullptr) return sources;
  sources.dns = [dns, dns_timeout](const dns::Question& question) {
    dns::Answer answer{.status = dns::Status::timeout, .records = {}};
    dns->run(answer_into(dns->resolver(), question, dns_timeout, answer));
    return answer;
  };
  sources.dnssec = dns->dnssec();
  if (!sources.dnssec) return sources;  // names come from a file, and their hosts need not be there
  sources.fetch = [dns](const std::string& url) {
    doctor::Fetched fetched;
    dns->run(fetch_into(*dns, url, fetched));
    return fetched;
  };
  return sources;
}

}  // namespace postern::app
