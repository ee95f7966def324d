using System.Reflection;
using Microsoft.AspNetCore.HostFiltering;
using Microsoft.Extensions.Logging.Console;
using Rudder.Engine;
using Rudder.InferenceService.Grpc;
using Rudder.InferenceService.Http;
using Rudder.InferenceService.Security;
using Rudder.InferenceService.Settings;
using Rudder.InferenceService.Telemetry;
using ServiceDescriptor = Google.Protobuf.Reflection.ServiceDescriptor;

namespace Rudder.InferenceService;

/// <summary>Builds the service: settings, Kestrel, gRPC, and the model registry.</summary>
internal static class ServiceHost
{
    // The host waits for draining, and then for Kestrel to close its connections.
    private const int CloseSeconds = 30;

    // An empty list. StartSettings reads and checks the addresses. The host would pass them to Kestrel again, which then warns that its
    // endpoints override them. An empty value would not do: the host falls back to its own settings.
    private const string NoAddress = ";";

    private static readonly string? Version =
        typeof(ServiceHost).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion;

    /// <summary>The application as the command line describes it; starting it loads and warms the models.</summary>
    /// <exception cref="UsageException">A flag or a setting is wrong.</exception>
    public static WebApplication Build(CommandLine line, Action<IServiceCollection>? replace = null)
    {
        var builder = NewBuilder(line);
        var settings = StartSettings.Read(line, builder.Configuration, TimeProvider.System);
        LogToStandardError(builder.Logging);
        builder.Services.AddSystemd().Configure<HostFilteringOptions>(hosts => hosts.AllowedHosts = [.. settings.Hosts]);
        Listening.Configure(builder, settings);
        AddServices(builder.Services, settings.Options, builder);

        // After telemetry, which adds sources to the configuration: that reloads it, without these.
        builder.WebHost.UseSetting(WebHostDefaults.ServerUrlsKey, NoAddress)
            .UseSetting(WebHostDefaults.HttpPortsKey, "")
            .UseSetting(WebHostDefaults.HttpsPortsKey, "");
        builder.Services.AddSingleton(settings).AddSecurity(settings.Files);
        replace?.Invoke(builder.Services);

        var app = builder.Build();
        app.Use(SharedConnection.CountAsync);
        app.UseMiddleware<ReadFaults>();
        app.UseOpenAiErrors();
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseMiddleware<BodyBudget>();
        app.MapGrpcService<SamplingService>();
        app.MapGrpcService<ScoringService>();
        app.MapGrpcService<ModelsService>();
        app.MapGrpcHealthChecksService().AllowAnonymous();   // probes have no key
        app.MapPrometheusScrapingEndpoint();
        app.MapHealthChecks("/health").AllowAnonymous();
        app.MapMethods("/version", [HttpMethods.Get, HttpMethods.Head], () => new { Name = TelemetrySetup.ServiceName, Version }).AllowAnonymous();
        app.MapOpenAi();
        if (app.Environment.IsDevelopment())
        {
            app.MapGrpcReflectionService();
        }

        return app;
    }

    /// <summary>A host with only appsettings.json, the environment and the flags.</summary>
    /// <exception cref="UsageException">A settings file cannot be read.</exception>
    public static WebApplicationBuilder NewBuilder(CommandLine line)
    {
        try
        {
            return WebApplication.CreateBuilder(new WebApplicationOptions { Args = line.Settings, ContentRootPath = AppContext.BaseDirectory });
        }
        catch (InvalidDataException e)
        {
            throw UsageException.Of([$"{e.Message} {e.GetBaseException().Message} Correct the file, or remove it."]);
        }
    }

    // Standard output carries only the line with the listening addresses.
    private static void LogToStandardError(ILoggingBuilder logging)
    {
        logging.ClearProviders().AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<ConsoleLoggerOptions>(console =>
        {
            console.LogToStandardErrorThreshold = LogLevel.Trace;

            // A stalled reader (a full pipe, a paused terminal) loses log lines but must not delay calls.
            console.QueueFullMode = ConsoleLoggerQueueFullMode.DropWrite;
        });
    }

    private static void AddServices(IServiceCollection services, ServiceOptions options, WebApplicationBuilder builder)
    {
        services.AddGrpc(grpc =>
        {
            grpc.IgnoreUnknownServices = true;               // its route for them would take two-part paths from the HTTP face
            grpc.MaxReceiveMessageSize = options.MaxRequestBytes;
            grpc.MaxSendMessageSize = options.MaxReplyBytes;
            grpc.CompressionProviders = BoundedCompression.All(options.MaxRequestBytes);
            grpc.ResponseCompressionAlgorithm = "gzip";
            grpc.EnableDetailedErrors = builder.Environment.IsDevelopment();
            grpc.Interceptors.Add<CallInterceptor>();
            grpc.Interceptors.Add<WatchLimit>();
        });
        services.AddGrpcReflection();
        services.AddGrpcHealthChecks(health =>
        {
            foreach (var service in (ServiceDescriptor[])[Inference.V1.Sampling.Descriptor, Inference.V1.Scoring.Descriptor, Inference.V1.Models.Descriptor])
            {
                health.Services.Map(service.FullName, _ => true);
            }
        }).AddCheck<ServiceState>("readiness");
        services.Configure<HostOptions>(host => host.ShutdownTimeout = TimeSpan.FromSeconds(options.DrainSeconds + CloseSeconds));
        services.AddSingleton(options).AddSingleton<EngineOptions>(options).AddSingleton(TimeProvider.System).AddSingleton<EngineHost>();
        services.AddSingleton<ServiceState>().AddSingleton<CallInterceptor>().AddSingleton<WatchLimit>();
        services.AddTelemetry(options.Telemetry, builder.Configuration);
        services.AddSingleton(new ModelFolders(options.ModelRoots is [] ? ["models", "runs"] : options.ModelRoots));
        services.AddSingleton<Rejections>();
        services.AddSingleton<SamplingService>().AddSingleton<ScoringService>().AddSingleton<ModelsService>().AddSingleton<Completions>().AddSingleton<ChatCompletions>().AddSingleton<Tokenization>().AddSingleton<TextClassifier>().AddSingleton<ModelList>();
        services.AddHostedService<StartAndStop>();
    }
}
