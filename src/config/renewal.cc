#include "config/renewal.h"

namespace postern::app {

std::string_view how_to_renew(CertificateOrigin origin) {
  switch (origin) {
    case CertificateOrigin::none:
      break;
    case CertificateOrigin::files:
      return "replace the files: new sessions use them within a minute, or after `postern reload`; "
             "credentials of the unit need `systemctl restart postern` (docs/tls.md)";
    case CertificateOrigin::policy:
      return "renew it where the policy takes it from, then `postern reload`";
    case CertificateOrigin::installed:
    case CertificateOrigin::self_made:
      return "get a new one, then `postern tls install FULLCHAIN KEY` (docs/tls.md)";
  }
  return "";
}

}  // namespace postern::app
