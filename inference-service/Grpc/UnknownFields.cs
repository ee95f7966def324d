using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace Rudder.InferenceService.Grpc;

/// <summary>Finds fields that the type of a message does not know, by number or by wire type: the service would silently ignore them.</summary>
internal static class UnknownFields
{
    /// <summary>Messages that a request may hold inside: the largest settings allow 65,536 entries, each with one or two of them.</summary>
    public const int MaxMessages = 1 << 20;

    /// <summary>The first unknown field as <c>path.field 17</c>, or null.</summary>
    /// <exception cref="InvalidProtocolBufferException">The bytes are not a message.</exception>
    /// <exception cref="global::Grpc.Core.RpcException">It holds more than <see cref="MaxMessages"/>: each may have two bytes on the wire and takes hundreds here.</exception>
    public static string? FirstIn(IMessage message)
    {
        int messages = 0;
        return FirstIn(new CodedInputStream(message.ToByteArray()), message.Descriptor, ref messages);
    }

    // The runtime keeps unknown fields but does not show them, so the bytes are read once more. Names are put together on the way back
    // from a find alone.
    private static string? FirstIn(CodedInputStream input, MessageDescriptor type, ref int messages)
    {
        var counts = new Dictionary<int, int>();
        for (uint tag = input.ReadTag(); tag != 0; tag = input.ReadTag())
        {
            int number = WireFormat.GetTagFieldNumber(tag);
            var field = type.FindFieldByNumber(number);
            if (field is null || !Fits(field, WireFormat.GetTagWireType(tag)))
            {
                return $"field {number}";
            }

            if (field.FieldType != FieldType.Message)
            {
                input.SkipLastField();
                continue;
            }

            if (++messages > MaxMessages)
            {
                throw RpcErrors.Invalid($"the request holds more than {MaxMessages} messages, the limit of one call. Send several calls.");
            }

            int index = counts[number] = counts.GetValueOrDefault(number, -1) + 1;
            var inner = input.ReadBytes();
            if (!inner.IsEmpty && FirstIn(inner.CreateCodedInput(), field.MessageType, ref messages) is { } found)
            {
                return field.IsRepeated ? $"{field.Name}[{index}].{found}" : $"{field.Name}.{found}";
            }
        }

        return null;
    }

    // The runtime drops a known number of another wire type like an unknown one. Repeated numbers come packed or one by one.
    private static bool Fits(FieldDescriptor field, WireFormat.WireType sent) =>
        sent == WireTypeOf(field.FieldType) || (field.IsRepeated && sent == WireFormat.WireType.LengthDelimited);

    private static WireFormat.WireType WireTypeOf(FieldType type) => type switch
    {
        FieldType.Double or FieldType.Fixed64 or FieldType.SFixed64 => WireFormat.WireType.Fixed64,
        FieldType.Float or FieldType.Fixed32 or FieldType.SFixed32 => WireFormat.WireType.Fixed32,
        FieldType.String or FieldType.Bytes or FieldType.Message => WireFormat.WireType.LengthDelimited,
        FieldType.Group => WireFormat.WireType.StartGroup,
        _ => WireFormat.WireType.Varint,
    };
}
