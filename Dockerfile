# Builds a static binary and runs it without a shell and without root.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /meshline ./bot/cmd/meshline

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /meshline /meshline
EXPOSE 8080
HEALTHCHECK --interval=15s --timeout=5s --start-period=30s CMD ["/meshline", "health"]
ENTRYPOINT ["/meshline"]
CMD ["serve"]
