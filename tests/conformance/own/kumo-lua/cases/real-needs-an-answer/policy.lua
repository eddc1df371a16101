local queue = kumo.amqp.build_client { uri = "amqp://localhost" }
