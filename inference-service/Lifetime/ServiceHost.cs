using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Rudder.InferenceService.Options;
using Rudder.InferenceService.Registry;
using Rudder.InferenceService.Services;
using Rudder.InferenceService.Telemetry;

namespace Rudder.InferenceService.Lifetime;

/// <summary>Puts the service together: settings, Kestrel, gRPC, the models' registry.</summary>
internal static class ServiceHost
{
    // What HTTP needs around a message, so that gRPC's own limit is the one that speaks.
    private const int HttpSlack = 64 << 10;

    // The host waits for draining and, after it, for Kestrel to close its connections.
    private const int CloseSeconds = 30;

    /// <summary>The application as the command line describes it; starting it loads and warms the models.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="replace">Replaces parts of the service, for tests.</param>
    /// <exception cref="UsageException">A flag or a setting is wrong.</exception>
    public static WebApplication Build(string[] args, Action<IServiceCollection>? replace = null)
    {
        CommandLine.Check(args);
        var builder = WebApplication.CreateBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        var options = OptionsReader.Read(builder.Configuration);
        LogToStandardError(builder.Logging);
        Listen(builder, options);
        AddServices(builder.Services, options);
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        app.MapGrpcService<SamplingService>();
        app.MapGrpcService<ScoringService>();
        app.MapGrpcService<ModelsService>();
        app.MapGrpcService<HealthService>();
        return app;
    }

    /// <summary>The URLs that a started application listens on, real ports in them.</summary>
    public static IEnumerable<string> Addresses(WebApplication app) =>
        app.Services.GetRequiredService<IServer>().Features.GetRequiredFeature<IServerAddressesFeature>().Addresses;

    // Standard output carries the line that says where the service listens, and nothing else.
    private static void LogToStandardError(ILoggingBuilder logging)
    {
        logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<ConsoleLoggerOptions>(console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void Listen(WebApplicationBuilder builder, ServiceOptions options)
    {
        if (builder.Configuration.GetSection("Kestrel").Exists())
        {
            throw new UsageException("The settings have a section Kestrel, which could listen beside --urls; remove it and use --urls.");
        }

        var endpoints = ListenAddresses.Parse(builder.Configuration["urls"], options.AllowRemote);
        builder.WebHost.UseUrls([.. endpoints.Select(endpoint => $"http://{endpoint}")]);
        builder.WebHost.ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = options.MaxRequestBytes + HttpSlack;
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Protocols = HttpProtocols.Http2);
        });
    }

    private static void AddServices(IServiceCollection services, ServiceOptions options)
    {
        services.AddGrpc(grpc =>
        {
            grpc.MaxReceiveMessageSize = options.MaxRequestBytes;
            grpc.MaxSendMessageSize = options.MaxReplyBytes;
            grpc.Interceptors.Add<CallInterceptor>();
        });
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(options.DrainSeconds + CloseSeconds));
        services.AddSingleton(options).AddSingleton(TimeProvider.System);
        services.AddSingleton<ServiceState>().AddSingleton<ServiceMetrics>().AddSingleton<CallInterceptor>();
        services.AddSingleton<IModelLoader, ModelLoader>().AddSingleton<ModelRegistry>();
        services.AddSingleton(new ModelFolders(options.ModelRoots));
        services.AddSingleton<RequestValidation>().AddSingleton<SampleRequests>();
        services.AddSingleton<SamplingService>().AddSingleton<ScoringService>().AddSingleton<ModelsService>().AddSingleton<HealthService>();
        services.AddHostedService<StartAndStop>();
    }
}
