local client = kumo.http.build_client {}
