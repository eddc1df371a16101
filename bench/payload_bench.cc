// Payloads: the time for a small multipart message, and octets a second for large ones.
#include <string>

#include <benchmark/benchmark.h>

#include "base/text.h"
#include "deliver/payload.h"

namespace {

using namespace postern;

/// A message like a newsletter: alternatives and one attachment of `size` octets.
std::string multipart(std::size_t size) {
  std::string text;
  for (int i = 0; i < 12; ++i)
    text += "A line of text with caf=C3=A9 and a soft break at its =\r\nend.\r\n";
  std::string message =
      "Received: from mx.example.org (mx.example.org [192.0.2.7]) by mail.example.net; Mon, 15 Jan "
      "2024 10:00:00 +0000\r\n"
      "From: =?utf-8?q?J=C3=B6rg?= <joerg@example.org>\r\nTo: A <a@example.net>, b@example.net\r\n"
      "Subject: =?iso-8859-1?q?Gr=FC=DFe?= from the bench\r\n"
      "Date: Mon, 15 Jan 2024 10:00:00 +0000\r\nMessage-ID: <bench@example.org>\r\n"
      "MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=\"outer\"\r\n\r\n"
      "--outer\r\nContent-Type: multipart/alternative; boundary=\"inner\"\r\n\r\n";
  message +=
      "--inner\r\nContent-Type: text/plain; charset=utf-8\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n" +
      text;
  message +=
      "--inner\r\nContent-Type: text/html; charset=iso-8859-1\r\n"
      "Content-Transfer-Encoding: quoted-printable\r\n\r\n<p>" +
      text + "</p>\r\n--inner--\r\n";
  message +=
      "--outer\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n"
      "Content-Disposition: attachment; filename=\"a.pdf\"\r\n"
      "Content-Transfer-Encoding: base64\r\n\r\n";
  const std::string encoded = base64_encode(std::string(size, '\x5a'));
  for (std::size_t at = 0; at < encoded.size(); at += 76)
    message += encoded.substr(at, 76) + "\r\n";
  return message + "--outer--\r\n";
}

std::string plain(std::size_t size) {
  std::string message = "Subject: large\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  while (message.size() < size)
    message += "A line of ordinary text, as a log file would have it.\r\n";
  return message;
}

void build(benchmark::State& state, const std::string& message) {
  policy::Evidence evidence;
  evidence.reverse_path = mail::Mailbox{"joerg", "example.org"};
  const deliver::MessageIdentity identity{
      "msg_01HX0000000000000000000000", "wh_01HX0000000000000000000000", {}, false};
  deliver::PayloadOptions options;
  options.inline_limit = options.inline_total_limit = 64 * 1024 * 1024;
  for (auto _ : state) {
    Result<deliver::Payload> payload = deliver::build_payload(message, evidence, identity, options);
    benchmark::DoNotOptimize(payload->body.size());
  }
  state.SetBytesProcessed(static_cast<std::int64_t>(state.iterations() * message.size()));
  state.counters["message"] = static_cast<double>(message.size());
}

void multipart_4k(benchmark::State& state) { build(state, multipart(1000)); }
void multipart_100k(benchmark::State& state) { build(state, multipart(75 * 1000)); }
void multipart_25m(benchmark::State& state) { build(state, multipart(18 * 1000 * 1000)); }
void text_25m(benchmark::State& state) { build(state, plain(25 * 1000 * 1000)); }

BENCHMARK(multipart_4k)->Unit(benchmark::kMicrosecond);
BENCHMARK(multipart_100k)->Unit(benchmark::kMicrosecond);
BENCHMARK(multipart_25m)->Unit(benchmark::kMillisecond);
BENCHMARK(text_25m)->Unit(benchmark::kMillisecond);

}  // namespace

BENCHMARK_MAIN();
