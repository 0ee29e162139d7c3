module example.com/posthaste-receiver

go 1.19
