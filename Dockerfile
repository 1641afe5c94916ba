# llmload alone: a static binary, the certificates of the public authorities, no shell, no root.
#   docker build -t llmload .
#   docker run --rm llmload bench http://host.docker.internal:8000
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags=-s -o /out/llmload . && mkdir /out/tmp /out/runs

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/llmload /llmload
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build --chown=65532:65532 /out/runs /runs
USER 65532:65532
WORKDIR /runs
ENTRYPOINT ["/llmload"]
