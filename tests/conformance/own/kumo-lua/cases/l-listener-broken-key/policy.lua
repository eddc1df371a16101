kumo.on('init', function()
  kumo.start_esmtp_listener {
    listen = '127.0.0.1:0',
    tls_certificate = { key_data = [[
-----BEGIN CERTIFICATE-----
MIIBgzCCASmgAwIBAgIUVH+U17hkO9LWHKim8SquM3V+6DkwCgYIKoZIzj0EAwIw
FjEUMBIGA1UEAwwLb3duLmV4YW1wbGUwIBcNMjYxMTIxMDkwOTI0WhgPMjEyNjEw
MjgwOTA5MjRaMBYxFDASBgNVBAMMC293bi5leGFtcGxlMFkwEwYHKoZIzj0CAQYI
KoZIzj0DAQcDQgAErBcMwiqMDN6GvRDb8myJIiRcvwjRDxVh6tbWJCoflAJuHK8W
vft82fUVEJCq8sdEr+EsT883AjNpzMIyDXaUvaNTMFEwHQYDVR0OBBYEFIETTIxo
UZdQIlWCl4rWKvvVKZEIMB8GA1UdIwQYMBaAFIETTIxoUZdQIlWCl4rWKvvVKZEI
MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAMJVQgDqdb1LsFI/
Y9QNTak1/8Qu0uoiR+H/w0mGaWXeAiBSeFel/bkjpTgHN3qDBlY6dbFEm5h8Wpg6
LritVbDaIQ==
-----END CERTIFICATE-----
]] },
    tls_private_key = { key_data = '-----BEGIN PRIVATE KEY-----' },
  }
end)
